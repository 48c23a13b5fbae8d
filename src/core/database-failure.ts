/** Failures that are the database's state and nobody's mistake: the same request may go well later. */
import { Prisma } from '../generated/prisma/client.ts';
import { sqlStateOf } from './sql-state.ts';

/**
 * `unreachable`: no connection, or it was lost; a write may have been committed all the same. `full`: no room to write.
 */
export type DatabaseFailure = 'unreachable' | 'full';

/** What Prisma makes of a lost or missing connection (its error reference), where no SQLSTATE came with it. */
const prismaCodes = new Set(['P1001', 'P1002', 'P1008', 'P1011', 'P1017', 'P2024', 'P2028', 'P2037']);

/** Of a socket. Not of files: a missing file is `ENOENT` as well, but has no `connect`. */
const socketCodes = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOTFOUND', 'EAI_AGAIN']);

/** What Prisma's adapter for pg makes of the same, below a failed raw query. */
const adapterKinds = new Set<unknown>(['DatabaseNotReachable', 'ConnectionClosed', 'SocketTimeout', 'TooManyConnections']);

/** pg has no codes for these. */
const lostConnection = /connect ENOENT|Connection terminated|connection error and is not queryable|Client was closed|timeout exceeded when trying to connect/;

/** Which state of the database an error tells of; undefined when it tells of none. */
export function databaseFailure(error: unknown): DatabaseFailure | undefined {
  const state = sqlStateOf(error);
  if (state !== undefined) return ofSqlState(state);
  if (error instanceof Prisma.PrismaClientInitializationError) return 'unreachable';
  if (!(error instanceof Error)) return undefined;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  const isLost = prismaCodes.has(code) || socketCodes.has(code) || adapterKinds.has(adapterKind(error)) || lostConnection.test(error.message);
  return isLost ? 'unreachable' : undefined;
}

function adapterKind(error: Error): unknown {
  const { meta, cause } = error as { meta?: { driverAdapterError?: { cause?: { kind?: unknown } } }; cause?: { kind?: unknown } };
  return (meta?.driverAdapterError?.cause ?? cause)?.kind;
}

/** PostgreSQL, appendix A: connection exceptions, insufficient resources, operator intervention, system errors. */
function ofSqlState(state: string): DatabaseFailure | undefined {
  if (state === '53100') return 'full';                       // disk_full
  if (/^08|^57P0|^53[23]|^58030$|^25P0[34]$/.test(state)) return 'unreachable';
  return undefined;
}
