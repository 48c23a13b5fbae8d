/**
 * What one request to a program's endpoint need not wait for. A code or token is read together with its grant, for which
 * the provider asks next; tokens are written while the rest of the answer is made and signed, and the answer waits for
 * all of them. Of six statements in a row a code exchange and a refresh are left with four.
 */
import type { KoaContextWithOIDC } from 'oidc-provider';

interface Storage {
  readonly grants: Map<string, Record<string, unknown>>;
  readonly writes: Promise<void>[];
}

const storages = new WeakMap<object, Storage>();

/** Nobody changes a grant there while it answers: at the other endpoints what was read before may be old. */
const endpoints = new Set(['token', 'introspection', 'userinfo']);

function storageOf(ctx: KoaContextWithOIDC | undefined): Storage | undefined {
  if (!ctx || !endpoints.has(ctx.oidc.route)) return undefined;
  let storage = storages.get(ctx);
  if (!storage) {
    storage = { grants: new Map(), writes: [] };
    storages.set(ctx, storage);
  }
  return storage;
}

/** Keeps a grant that came with a record, for the one question that follows. */
export function keepGrant(ctx: KoaContextWithOIDC | undefined, grantId: unknown, grant: Record<string, unknown> | null): void {
  if (grant && typeof grantId === 'string') storageOf(ctx)?.grants.set(grantId, grant);
}

/** The grant that was kept, once. */
export function takeGrant(ctx: KoaContextWithOIDC | undefined, grantId: string): Record<string, unknown> | undefined {
  const { grants } = storageOf(ctx) ?? {};
  const grant = grants?.get(grantId);
  grants?.delete(grantId);
  return grant;
}

/** Lets the request go on before `write` has ended, where its answer waits for it; else waits here. */
export async function writeBeside(ctx: KoaContextWithOIDC | undefined, write: Promise<void>): Promise<void> {
  const storage = storageOf(ctx);
  if (!storage) return write;
  write.catch(() => undefined); // told by finishWrites, unless the request has failed otherwise by then
  storage.writes.push(write);
}

/** Waits until everything that this answer tells of is committed. @throws what a write failed with */
export async function finishWrites(ctx: object): Promise<void> {
  const writes = storages.get(ctx)?.writes;
  if (writes && writes.length > 0) await Promise.all(writes);
}
