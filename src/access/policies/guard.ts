/**
 * The guard against locking everybody out: after a change of policies, zones or the default, one owner at least must
 * still be able to sign in to the console from the address that the change comes from. Evaluated in the transaction of
 * the change, so that two changes that are harmless alone cannot pass together.
 */
import { findApplicationByClientId } from '../../applications/index.ts';
import { type Core, perCore } from '../../core/core.ts';
import { type InstanceContext, readZones } from '../../tenancy/index.ts';
import { compilePolicies, readPolicies } from './compile.ts';
import { loadKnown } from './decide.ts';
import { type LockedOut, locksOut } from './errors.ts';
import { evaluate } from './evaluate.ts';
import type { SecondFactorMethod } from './schemas.ts';
import type { JudgedApplication } from './variables.ts';

/** What stands for the console: policies about all applications are about it too. */
const consoleClientId = 'console';
const anyConsole: JudgedApplication = { id: '', clientId: consoleClientId, name: 'Console', kind: 'browser', protocol: 'oidc', firstParty: true };

const offeredOf = perCore(() => new Set<SecondFactorMethod>());

/** Which second factors people can show here; authentication says so. */
export function offerSecondFactors(core: Core, methods: readonly SecondFactorMethod[]): void {
  for (const method of methods) offeredOf(core).add(method);
}

/** Whether one of the methods can be shown at all. */
export const isOffered = (core: Core, methods: readonly SecondFactorMethod[]): boolean => methods.some((method) => offeredOf(core).has(method));

/** Owners that are asked, at most: one who may sign in is enough. */
const mostOwners = 50;

/** @throws Problem 409 with what each owner would meet */
export async function rejectLockOut(tx: InstanceContext, defaultEffect = tx.instance.settings.accessPolicy.defaultEffect): Promise<void> {
  const policies = compilePolicies(await readPolicies(tx));
  if (policies.policies.every(({ policy }) => policy.status !== 'enabled' || policy.effect === 'allow') && defaultEffect === 'allow') return;
  const console = await findApplicationByClientId(tx, consoleClientId);
  const application = console?.builtIn ? console : anyConsole;
  const candidates = policies.candidatesFor(application.id);
  const zones = candidates.needsZones ? await readZones(tx) : undefined;
  const lockedOut: LockedOut[] = [];
  for (const { userId, username } of await listOwners(tx)) {
    const facts = {
      userId, application, address: tx.address, userAgent: tx.userAgent, now: tx.now(),
      session: { acr: 'urn:postern:acr:single', amr: ['pwd'], authTime: tx.now() },
    };
    const known = await loadKnown(tx, facts, { ...candidates, needsZones: false });
    const decision = evaluate(candidates.policies, facts, { ...known, zones, defaultEffect });
    if (decision.decision === 'allow') return;
    if (decision.decision === 'second_factor' && isOffered(tx.core, decision.secondFactor?.methods ?? [])) return;
    const asks = decision.decision === 'second_factor' ? `asks for a second factor (${decision.secondFactor?.methods.join(', ') ?? ''}) that nobody can show here yet` : 'denies';
    lockedOut.push({ userId, username, because: `${decision.policy ? `the policy "${decision.policy.name}" (priority ${decision.policy.priority})` : 'the default'} ${asks}: ${decision.because}` });
  }
  // An instance that nobody owns is managed by programs alone: there is nobody to lock out.
  if (lockedOut.length > 0) throw locksOut(lockedOut, tx.address);
}

/** Owners who may act at all; the oldest first. */
function listOwners(tx: InstanceContext): Promise<{ userId: string; username: string }[]> {
  return tx.db.$queryRaw<{ userId: string; username: string }[]>`
    SELECT a."userId", u."username" FROM "AdministratorAssignment" a
      JOIN "User" u ON u."instanceId" = a."instanceId" AND u."id" = a."userId" AND u."status" IN ('enabled', 'pending') AND (u."expiresAt" IS NULL OR u."expiresAt" > ${tx.now()})
     WHERE a."instanceId" = ${tx.instance.id} AND a."role" = 'owner' ORDER BY a."userId" LIMIT ${mostOwners}`;
}
