/**
 * The database client and the first wall between instances: every query of a scoped model gets the instance of its
 * context. The schema declares no relations, so no nested write exists that could slip past (the second and third
 * walls are in the migrations; docs/decisions/0004-multi-tenancy.md).
 */
import { PrismaPg } from '@prisma/adapter-pg';
import { Pool } from 'pg';
import { Prisma, PrismaClient } from '../generated/prisma/client.ts';
import type { DatabaseSockets } from './database-sockets.ts';

export type Database = PrismaClient;

/** Connections (all, idle) and callers that wait for one. */
export interface DatabasePoolState { total: number; idle: number; waiting: number }

/** Opens the pool. `poolSize` connections at most; a caller waits five seconds for one, then fails. */
export function openDatabase(options: {
  connectionString: string; poolSize: number; watchPool?: (read: () => DatabasePoolState) => void; sockets?: Pick<DatabaseSockets, 'open'>;
}): Database {
  const { sockets } = options;
  const pool = new Pool({
    connectionString: options.connectionString,
    max: options.poolSize,
    connectionTimeoutMillis: 5_000,
    idleTimeoutMillis: 30_000,
    statement_timeout: 30_000,
    application_name: 'postern',
    ...(sockets && { stream: () => sockets.open() }),
  });
  options.watchPool?.(() => ({ total: pool.totalCount, idle: pool.idleCount, waiting: pool.waitingCount }));
  return new PrismaClient({
    adapter: new PrismaPg(pool, { disposeExternalPool: true }),
    transactionOptions: { maxWait: 5_000, timeout: 15_000 },
    errorFormat: 'minimal',
  });
}

/** Models that carry `instanceId`. `Instance` itself is scoped by its id; `ServerRecord` and `Plan` are for no instance. */
export const scopedModels: ReadonlySet<string> = new Set(
  Object.values(Prisma.ModelName).filter((model) => model !== 'Instance' && model !== 'ServerRecord' && model !== 'Plan'));

type Arguments = { where?: Record<string, unknown>; data?: unknown; create?: unknown; update?: unknown };

const readers = new Set(['findFirst', 'findFirstOrThrow', 'findMany', 'count', 'aggregate', 'groupBy', 'updateMany', 'updateManyAndReturn', 'deleteMany']);
const keyed = new Set(['findUnique', 'findUniqueOrThrow', 'update', 'delete', 'upsert']);
const creators = new Set(['create', 'createMany', 'createManyAndReturn']);

/** A query that would leave its instance: a mistake in our own code, never an answer to a caller. */
export class ScopeViolation extends Error {}

/** Returns a client that sees and writes only the rows of `instanceId`. Made once per instance and kept. */
export function scopeDatabase(database: Database, instanceId: string) {
  if (instanceId === '') throw new ScopeViolation('a database scope needs an instance');
  return database.$extends({
    name: 'instance-scope',
    query: {
      $allModels: {
        $allOperations: ({ model, operation, args, query }) => query(scopeArguments(instanceId, model, operation, args as Arguments) as typeof args),
      },
    },
  });
}

/** A scoped client, outside or inside a transaction. Raw SQL through it must name "instanceId" (a test reads the sources). */
export type ScopedDatabase = Omit<ReturnType<typeof scopeDatabase>, '$transaction' | '$connect' | '$disconnect' | '$extends' | '$on'>;
export type ScopedClient = ReturnType<typeof scopeDatabase>;

function scopeArguments(instanceId: string, model: string, operation: string, args: Arguments): Arguments {
  if (model === 'Instance') {
    if (creators.has(operation) || operation === 'upsert' || operation.startsWith('delete')) throw new ScopeViolation(`${operation} of Instance belongs to the platform`);
    return keyed.has(operation)
      ? { ...args, where: { ...args.where, id: instanceId } }
      : { ...args, where: { AND: [args.where ?? {}, { id: instanceId }] } };
  }
  if (!scopedModels.has(model)) throw new ScopeViolation(`${model} belongs to no instance`);
  if (operation.startsWith('update') || operation === 'upsert') rejectInstanceIn(args.data ?? args.update, `${operation} of ${model}`);
  if (readers.has(operation)) return { ...args, where: { AND: [args.where ?? {}, { instanceId }] } };
  if (keyed.has(operation)) {
    const scoped: Arguments = { ...args, where: scopeKey(instanceId, model, args.where ?? {}) };
    if (operation === 'upsert') scoped.create = withInstance(instanceId, args.create);
    return scoped;
  }
  if (creators.has(operation)) {
    const data = Array.isArray(args.data) ? args.data.map((row: unknown) => withInstance(instanceId, row)) : withInstance(instanceId, args.data);
    return { ...args, data };
  }
  throw new ScopeViolation(`${operation} of ${model} has no scope`);
}

/** A unique key names the instance either inside its composite part or beside it. */
function scopeKey(instanceId: string, model: string, where: Record<string, unknown>): Record<string, unknown> {
  for (const value of Object.values(where)) {
    if (isRecord(value) && 'instanceId' in value && value['instanceId'] !== instanceId) throw new ScopeViolation(`a key of ${model} names another instance`);
  }
  return { ...where, instanceId };
}

function withInstance(instanceId: string, row: unknown): unknown {
  if (isRecord(row) && row['instanceId'] !== undefined && row['instanceId'] !== instanceId) throw new ScopeViolation('a new row names another instance');
  return { ...(row as object), instanceId };
}

function rejectInstanceIn(change: unknown, where: string): void {
  if (isRecord(change) && 'instanceId' in change) throw new ScopeViolation(`${where} sets instanceId`);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The database refused a second row of a unique key (Prisma P2002). */
export function isUniqueViolation(error: unknown): boolean {
  return error instanceof Prisma.PrismaClientKnownRequestError && error.code === 'P2002';
}
