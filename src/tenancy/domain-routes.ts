/** `/api/v1/domains`: custom domains of the instance. */
import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { RouteAccess } from '../core/http/access.ts';
import { answers, noContent } from '../core/http/answers.ts';
import type { InstanceDomain } from '../generated/prisma/client.ts';
import type { InstanceContext } from './context.ts';
import { proofName } from './domain-proof.ts';
import { claimDomain, listDomains, loadDomain, removeDomain, setPrimaryDomain, verifyDomain } from './domains.ts';
import { loadInstanceRow } from './instances.ts';
import { claimDomainBody, domainPage, domainParams, domainSchema } from './schemas.ts';

const read: RouteAccess = { credential: 'bearer', scope: 'domain:read', permission: 'tenancy.domains.read' };
const manage: RouteAccess = { credential: 'bearer', scope: 'domain:manage', permission: 'tenancy.domains.manage' };

export async function domainRoutes(app: FastifyInstance): Promise<void> {
  const routes = app.withTypeProvider<ZodTypeProvider>();
  const tags = ['Domains'];

  routes.get('/api/v1/domains', {
    schema: { operationId: 'listDomains', summary: 'List domains', tags, response: answers({ 200: domainPage }) },
    config: { access: read },
  }, async ({ instanceContext: context }) => {
    const { primaryDomain } = await loadInstanceRow(context);
    return { items: (await listDomains(context)).map((domain) => viewDomain(domain, primaryDomain)), next: null };
  });

  routes.post('/api/v1/domains', {
    schema: { operationId: 'claimDomain', summary: 'Claim a host name', description: 'The answer names the DNS record that proves the ownership.', tags, body: claimDomainBody, response: answers({ 201: domainSchema }) },
    config: { access: manage },
  }, async ({ instanceContext: context, body }, reply) => reply.code(201).send(await view(context, await claimDomain(context, body.hostname))));

  routes.get('/api/v1/domains/:domainId', {
    schema: { operationId: 'getDomain', summary: 'Read a domain', tags, params: domainParams, response: answers({ 200: domainSchema }) },
    config: { access: read },
  }, async ({ instanceContext: context, params }) => view(context, await loadDomain(context, params.domainId)));

  routes.post('/api/v1/domains/:domainId/verify', {
    schema: { operationId: 'verifyDomain', summary: 'Look for the DNS record now', tags, params: domainParams, response: answers({ 200: domainSchema }) },
    config: { access: manage },
  }, async ({ instanceContext: context, params }) => view(context, await verifyDomain(context, params.domainId)));

  routes.put('/api/v1/domains/:domainId/primary', {
    schema: {
      operationId: 'makeDomainPrimary', summary: 'Serve the instance under this domain', tags, params: domainParams, response: answers({ 200: domainSchema }),
      description: 'The issuer becomes `https://` and this name, at once: tell every application. The old address answers 404.',
    },
    config: { access: manage },
  }, async ({ instanceContext: context, params }) => {
    await setPrimaryDomain(context, params.domainId);
    return view(context, await loadDomain(context, params.domainId));
  });

  routes.delete('/api/v1/domains/:domainId/primary', {
    schema: { operationId: 'unmakeDomainPrimary', summary: 'Serve the instance under its configured address again', tags, params: domainParams, response: answers({ 204: noContent }) },
    config: { access: manage },
  }, async ({ instanceContext: context, params }, reply) => {
    const { hostname } = await loadDomain(context, params.domainId);
    if ((await loadInstanceRow(context)).primaryDomain === hostname) await setPrimaryDomain(context, undefined);
    return reply.code(204).send();
  });

  routes.delete('/api/v1/domains/:domainId', {
    schema: { operationId: 'removeDomain', summary: 'Give a domain up', tags, params: domainParams, response: answers({ 204: noContent }) },
    config: { access: manage },
  }, async ({ instanceContext: context, params }, reply) => {
    await removeDomain(context, params.domainId);
    return reply.code(204).send();
  });
}

async function view(context: InstanceContext, domain: InstanceDomain) {
  return viewDomain(domain, (await loadInstanceRow(context)).primaryDomain);
}

function viewDomain(domain: InstanceDomain, primaryDomain: string | null) {
  return {
    id: domain.id, hostname: domain.hostname, status: domain.status as 'pending' | 'verified' | 'lapsed', primary: domain.hostname === primaryDomain,
    proof: { type: 'TXT' as const, name: proofName(domain.hostname), value: domain.verificationToken },
    verifiedAt: domain.verifiedAt?.toISOString() ?? null, checkedAt: domain.checkedAt?.toISOString() ?? null,
    failedChecks: domain.failedChecks, createdAt: domain.createdAt.toISOString(),
  };
}
