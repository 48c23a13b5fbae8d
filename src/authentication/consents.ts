/** What users allowed applications: one row for each pair, growing with every consent. */
import { append } from '../events/index.ts';
import { findUserById } from '../directory/index.ts';
import type { Prisma } from '../generated/prisma/client.ts';
import { findApplication } from '../applications/index.ts';
import type { InstanceContext } from '../tenancy/index.ts';
import { z } from 'zod';
import { consentGiven } from './events.ts';
import { isCovered } from './flow/requirements.ts';
import type { FlowRequest, GrantedConsent } from './types.ts';

const storedResources = z.record(z.string(), z.array(z.string()));

/** What a request asks consent for. `openid` says only that a person signs in. */
export const askedConsent = (request: FlowRequest): GrantedConsent => ({
  scopes: (request.scopes ?? []).filter((scope) => scope !== 'openid'),
  claims: request.claims ?? [],
  resources: request.resources ?? {},
});

/** All that a request asks for, as it is granted once nothing stands in the way. */
export const wholeConsent = (request: FlowRequest): GrantedConsent => ({ ...askedConsent(request), scopes: request.scopes ?? [] });

export async function findConsent(context: InstanceContext, userId: string, applicationId: string): Promise<GrantedConsent | undefined> {
  const row = await context.db.consent.findUnique({ where: consentKey(context, userId, applicationId) });
  return row ? { scopes: row.scopes, claims: row.claims, resources: storedResources.parse(row.resources) } : undefined;
}

/**
 * What may be granted without asking: everything for first-party applications, else what was allowed before.
 * Undefined: the person must be asked, or the user or application may not be served.
 */
export async function consentWithoutAsking(context: InstanceContext, userId: string, applicationId: string, request: FlowRequest): Promise<GrantedConsent | undefined> {
  const application = await findApplication(context, applicationId);
  if (!application?.enabled || !(await findUserById(context, userId))) return undefined;
  if (application.firstParty) return wholeConsent(request);
  if (request.prompt?.includes('consent') || application.kind === 'native') return undefined;
  return isCovered(askedConsent(request), await findConsent(context, userId, applicationId)) ? wholeConsent(request) : undefined;
}

/** Adds to what was allowed before. */
export async function storeConsent(tx: InstanceContext, userId: string, applicationId: string, given: GrantedConsent): Promise<void> {
  const before = await findConsent(tx, userId, applicationId);
  const union = (first: readonly string[] = [], second: readonly string[] = []) => [...new Set([...first, ...second])].sort();
  const resources = Object.fromEntries(union(Object.keys(before?.resources ?? {}), Object.keys(given.resources))
    .map((resource) => [resource, union(before?.resources[resource], given.resources[resource])]));
  const after = { scopes: union(before?.scopes, given.scopes), claims: union(before?.claims, given.claims), resources: resources as Prisma.InputJsonObject };
  await tx.db.consent.upsert({
    where: consentKey(tx, userId, applicationId),
    create: { userId, applicationId, ...after, createdAt: tx.now(), updatedAt: tx.now() },
    update: { ...after, updatedAt: tx.now() } });
  await append(tx, consentGiven(userId, applicationId, before, after));
}

const consentKey = (context: InstanceContext, userId: string, applicationId: string) =>
  ({ instanceId_userId_applicationId: { instanceId: context.instance.id, userId, applicationId } });
