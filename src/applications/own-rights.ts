/**
 * Who manages applications must not gain more by it: neither grant scopes of our own APIs that they do not have, nor
 * get into an application that has them (a new secret, key or redirect URI is a way in).
 */
import { type Core, perCore } from '../core/core.ts';
import { denied } from '../core/errors.ts';
import type { InstanceContext } from '../tenancy/index.ts';
import { builtInResourceServers } from './resource-server.ts';

/** Refuses, by throwing, that the principal hands on these scopes of our own APIs. In the transaction of the change. */
export type OwnScopesGuard = (tx: InstanceContext, scopes: readonly string[]) => Promise<void>;

const guardsOf = perCore((): OwnScopesGuard[] => []);

/** A person's token may have a scope that the person's roles make nothing of: whoever knows roles says so here. */
export function onOwnScopesGiven(core: Core, guard: OwnScopesGuard): void {
  guardsOf(core).push(guard);
}

/** @throws Problem 403 when the application has scopes of our APIs that the principal has not */
export async function rejectTakeOver(tx: InstanceContext, applicationId: string): Promise<void> {
  const builtIn = builtInResourceServers(tx).map(({ id }) => id);
  const grants = await tx.db.applicationResource.findMany({ where: { applicationId, resourceServerId: { in: builtIn } } });
  await rejectBeyondOwnRights(tx, grants.flatMap((grant) => grant.scopes));
}

/** @throws Problem 403 */
export async function rejectBeyondOwnRights(tx: InstanceContext, scopes: readonly string[]): Promise<void> {
  const { principal } = tx;
  if (principal.kind === 'system' || principal.kind === 'operator' || scopes.length === 0) return;
  const own = principal.kind === 'anonymous' ? [] : principal.scopes;
  const beyond = scopes.filter((scope) => !own.includes(scope));
  if (beyond.length > 0) throw denied(`This would give rights that you do not have yourself: ${beyond.slice(0, 10).join(', ')}.`);
  for (const guard of guardsOf(tx.core)) await guard(tx, scopes);
}
