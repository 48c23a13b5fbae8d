/**
 * InstanceContext: which instance, who acts, and a database that shows nothing else. The first argument of everything
 * that works on an instance. It is data; a transaction is an InstanceContext too.
 */
import { setTimeout } from 'node:timers/promises';
import type { Core } from '../core/core.ts';
import { perCore } from '../core/core.ts';
import { scopeDatabase, type ScopedClient, type ScopedDatabase } from '../core/database.ts';
import { newId } from '../core/ids.ts';
import { isTransactionConflict } from '../core/sql-state.ts';
import type { Branding, InstanceSettings } from './settings.ts';

/** An instance as requests see it: settings with defaults filled in, and where it is served. */
export interface Instance {
  readonly id: string;
  readonly name: string;
  readonly status: 'active' | 'suspended' | 'deleted';
  readonly version: number;
  /** The address without a slash at the end; every link and `iss` starts with it. */
  readonly issuer: string;
  readonly settings: InstanceSettings;
  readonly branding: Branding;
}

/**
 * Where an administrator may use the permission of this request, when not everywhere: in the subtrees of units with these
 * paths (`/ou_root/ou_…/`). Only routes that declare `limit` are reached with one; directory/limits.ts holds them to it.
 */
export interface AdministratorLimit { readonly organizationalUnitPaths: readonly string[] }

/** Who acts. Recorded in every event. A user's `permissions` are those held everywhere. */
export type Principal =
  | { readonly kind: 'anonymous' }
  | { readonly kind: 'user'; readonly id: string; readonly sessionId?: string; readonly applicationId?: string; readonly scopes: readonly string[]; readonly permissions: readonly string[]; readonly limit?: AdministratorLimit }
  | { readonly kind: 'application'; readonly id: string; readonly scopes: readonly string[] }
  /** The person who runs the server, through the command line or the platform API. */
  | { readonly kind: 'operator'; readonly id?: string }
  | { readonly kind: 'system' };

export interface InstanceContext {
  readonly core: Core;
  readonly instance: Instance;
  readonly principal: Principal;
  readonly db: ScopedDatabase;
  readonly requestId: string;
  /** The client's address, as trusted proxies tell it. */
  readonly address: string | undefined;
  readonly userAgent: string | undefined;
  readonly now: () => Date;
  /** Runs `work` in one transaction; inside a transaction it joins that one. Runs it again after a deadlock, so `work` changes nothing outside. */
  readonly transaction: <Result>(work: (tx: InstanceContext) => Promise<Result>) => Promise<Result>;
}

export interface ContextOptions {
  principal?: Principal;
  requestId?: string;
  address?: string | undefined;
  userAgent?: string | undefined;
}

const scopedClients = perCore(() => new Map<string, ScopedClient>());
const keptClients = 2_000;

/** Makes the context of one request, job or command. */
export function createContext(core: Core, instance: Instance, options: ContextOptions = {}): InstanceContext {
  const clients = scopedClients(core);
  let client = clients.get(instance.id);
  if (!client) {
    client = scopeDatabase(core.database, instance.id);
    if (clients.size >= keptClients) clients.clear(); // cheap to make again; the map only spares the work
    clients.set(instance.id, client);
  }
  const scoped = client;
  const context: InstanceContext = {
    core,
    instance,
    principal: options.principal ?? { kind: 'anonymous' },
    db: scoped,
    requestId: options.requestId ?? newId('req'),
    address: options.address,
    userAgent: options.userAgent,
    now: () => core.now(),
    transaction: (work) => runInTransaction(context, scoped, work),
  };
  return context;
}

/** The same context, acting as somebody else (after a token was verified). */
export function withPrincipal(context: InstanceContext, principal: Principal): InstanceContext {
  return createContext(context.core, context.instance, {
    principal, requestId: context.requestId, address: context.address, userAgent: context.userAgent,
  });
}

/** The composite key of a row of this instance: `where: key(context, userId)`. */
export function key(context: InstanceContext, id: string): { instanceId_id: { instanceId: string; id: string } } {
  return { instanceId_id: { instanceId: context.instance.id, id } };
}

/** Of two transactions that wait for each other PostgreSQL ends one, whole: it did nothing, and may begin anew. */
const mostTries = 4;

async function runInTransaction<Result>(context: InstanceContext, client: ScopedClient, work: (tx: InstanceContext) => Promise<Result>): Promise<Result> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await client.$transaction(async (db) => {
        const tx: InstanceContext = { ...context, db: db as ScopedDatabase, transaction: (inner) => inner(tx) };
        return work(tx);
      });
    } catch (error) {
      if (tries === mostTries || !isTransactionConflict(error)) throw error;
      await setTimeout(tries * 10 * Math.random());
    }
  }
}
