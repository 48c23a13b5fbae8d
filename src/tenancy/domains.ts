/**
 * Custom domains: claimed, proven by DNS, made the instance's address. The proof is asked for again every day; an
 * instance whose proof is gone for days loses the domain, before its next owner is served our pages under it.
 */
import type { Core } from '../core/core.ts';
import { isUniqueViolation } from '../core/database.ts';
import { conflict } from '../core/errors.ts';
import { newId } from '../core/ids.ts';
import { randomToken } from '../core/secrets.ts';
import type { InstanceDomain } from '../generated/prisma/client.ts';
import { append } from '../events/index.ts';
import { createContext, key, type InstanceContext } from './context.ts';
import { checkProof, domainProofs, proofName, type ProofResult } from './domain-proof.ts';
import { domainNotFound, domainNotVerified, domainProofMissing, domainTaken } from './errors.ts';
import * as events from './events.ts';
import { normalizeHostname } from './hostnames.ts';
import { hostMap } from './host-map.ts';
import { changeInstance, toInstance } from './instances.ts';

export const mostDomains = 50;

/** Daily checks that must fail in a row until a domain lapses. */
export const failedChecksUntilLapse = 3;

export function listDomains(context: InstanceContext): Promise<InstanceDomain[]> {
  return context.db.instanceDomain.findMany({ orderBy: { id: 'asc' }, take: mostDomains });
}

/** @throws Problem 404 */
export async function loadDomain(context: InstanceContext, id: string): Promise<InstanceDomain> {
  const domain = await context.db.instanceDomain.findUnique({ where: key(context, id) });
  if (!domain) throw domainNotFound();
  return domain;
}

/** Begins with a host name: the row holds the value that the DNS must show. @throws Problem 400, 409 */
export async function claimDomain(context: InstanceContext, given: string): Promise<InstanceDomain> {
  const hostname = normalizeHostname(context.core.config, given);
  if (await isVerifiedSomewhere(context, hostname)) throw domainTaken(hostname);
  return changeInstance(context, async (tx) => {
    if (await tx.db.instanceDomain.count() >= mostDomains) throw conflict('Operation.Failure.Domain.Too.Many', `An instance has at most ${mostDomains} domains.`);
    if (await tx.db.instanceDomain.findFirst({ where: { hostname } })) throw domainTaken(hostname);
    const domain = await tx.db.instanceDomain.create({ data: { id: newId('dom'), hostname, verificationToken: `postern-${randomToken(24)}` } });
    await append(tx, events.domainClaimed(domain));
    return domain;
  });
}

/** Asks the DNS now. @throws Problem 409 when the record is not there, or when another instance was faster */
export async function verifyDomain(context: InstanceContext, id: string): Promise<InstanceDomain> {
  const claimed = await loadDomain(context, id);
  const result = await askFor(context.core, claimed);
  if (result.kind !== 'proven') throw domainProofMissing(proofName(claimed.hostname), claimed.verificationToken, result.found);
  try {
    return await changeInstance(context, async (tx) => {
      const before = await loadDomain(tx, id);
      const now = tx.now();
      const after = await tx.db.instanceDomain.update({ where: key(tx, id), data: { status: 'verified', verifiedAt: before.verifiedAt ?? now, checkedAt: now, failedChecks: 0 } });
      if (before.status !== 'verified') await append(tx, events.domainVerified(after, { before: { status: before.status } }));
      return after;
    });
  } catch (error) {
    if (isUniqueViolation(error)) throw domainTaken(claimed.hostname);
    throw error;
  }
}

/**
 * From the commit on the issuer is `https://{hostname}`: applications must be told, and tokens of the old issuer are
 * not taken any more. Undefined: back to the address that the configuration gives.
 */
export async function setPrimaryDomain(context: InstanceContext, id: string | undefined): Promise<void> {
  await changeInstance(context, async (tx, row) => {
    const domain = id === undefined ? undefined : await loadDomain(tx, id);
    if (domain && domain.status !== 'verified') throw domainNotVerified();
    await tx.db.instance.update({ where: { id: row.id }, data: { primaryDomain: domain?.hostname ?? null } });
    if (domain) await append(tx, events.domainMadePrimary(domain, { before: { primaryDomain: row.primaryDomain } }));
    else await append(tx, events.settingsChanged(row.id, { before: { primaryDomain: row.primaryDomain }, after: { primaryDomain: null } }));
    await announceHosts(tx);
  });
  await hostMap(context.core).load();
}

/** Gives a domain up; the primary one is no longer served. */
export async function removeDomain(context: InstanceContext, id: string): Promise<void> {
  await changeInstance(context, async (tx, row) => {
    const domain = await loadDomain(tx, id);
    await tx.db.instanceDomain.delete({ where: key(tx, id) });
    await append(tx, events.domainRemoved(domain));
    await leavePrimary(tx, row.primaryDomain, domain);
  });
  await hostMap(context.core).load();
}

/** One round over all verified domains of all instances. A DNS that does not answer counts against nobody. */
export async function recheckDomains(core: Core): Promise<void> {
  const verified = await core.database.instanceDomain.findMany({ where: { status: 'verified' }, orderBy: [{ instanceId: 'asc' }, { id: 'asc' }] });
  for (const domain of verified) {
    const result = await askFor(core, domain);
    if (result.kind === 'unknown') continue;
    await recordCheck(core, domain, result).catch((error: unknown) => core.log.error({ err: error, instanceId: domain.instanceId }, 'The check of a domain could not be recorded'));
  }
}

async function recordCheck(core: Core, domain: InstanceDomain, result: ProofResult): Promise<void> {
  const row = await core.database.instance.findUnique({ where: { id: domain.instanceId } });
  if (!row || row.status === 'deleted') return;
  const context = createContext(core, toInstance(core, row), { principal: { kind: 'system' } });
  const failedChecks = result.kind === 'proven' ? 0 : domain.failedChecks + 1;
  if (failedChecks < failedChecksUntilLapse) {
    await context.db.instanceDomain.updateMany({ where: { id: domain.id }, data: { checkedAt: core.now(), failedChecks } });
    return;
  }
  await changeInstance(context, async (tx, instance) => {
    const lapsed = await tx.db.instanceDomain.update({ where: key(tx, domain.id), data: { status: 'lapsed', checkedAt: tx.now(), failedChecks } });
    await append(tx, events.domainLapsed(lapsed, { before: { status: domain.status } }));
    await leavePrimary(tx, instance.primaryDomain, lapsed);
  });
}

async function leavePrimary(tx: InstanceContext, primaryDomain: string | null, domain: InstanceDomain): Promise<void> {
  if (primaryDomain !== domain.hostname) return;
  await tx.db.instance.update({ where: { id: tx.instance.id }, data: { primaryDomain: null } });
  await announceHosts(tx);
}

const announceHosts = (tx: InstanceContext) => tx.core.signals.publish(tx.db, 'tenancy.domains', tx.instance.id);

const askFor = (core: Core, domain: InstanceDomain) => checkProof(domainProofs(core).resolveTxt, domain.hostname, domain.verificationToken);

/** The only question that one instance's claim asks about the others. */
async function isVerifiedSomewhere({ core }: InstanceContext, hostname: string): Promise<boolean> {
  return await core.database.instanceDomain.findFirst({ where: { hostname, status: 'verified' }, select: { id: true } }) !== null;
}
