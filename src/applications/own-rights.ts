/**
 * Who manages applications must not gain more by it: neither grant scopes of our own APIs that they do not have, nor
 * get into an application that has them (a new secret, key or redirect URI is a way in).
 */
import { denied } from '../core/errors.ts';
import type { InstanceContext, Principal } from '../tenancy/index.ts';
import { builtInResourceServers } from './resource-server.ts';

/** @throws Problem 403 when the application has scopes of our APIs that the principal has not */
export async function rejectTakeOver(tx: InstanceContext, applicationId: string): Promise<void> {
  const builtIn = builtInResourceServers(tx).map(({ id }) => id);
  const grants = await tx.db.applicationResource.findMany({ where: { applicationId, resourceServerId: { in: builtIn } } });
  rejectBeyondOwnRights(tx.principal, grants.flatMap((grant) => grant.scopes));
}

/** @throws Problem 403 */
export function rejectBeyondOwnRights(principal: Principal, scopes: readonly string[]): void {
  if (principal.kind === 'system' || principal.kind === 'operator') return;
  const own = principal.kind === 'anonymous' ? [] : principal.scopes;
  const beyond = scopes.filter((scope) => !own.includes(scope));
  if (beyond.length > 0) throw denied(`This would give rights that you do not have yourself: ${beyond.slice(0, 10).join(', ')}.`);
}
