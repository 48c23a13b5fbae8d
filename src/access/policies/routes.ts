/** `/api/v1/access-policies`. */
import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { Core } from '../../core/core.ts';
import type { RouteAccess } from '../../core/http/access.ts';
import { answers, noContent } from '../../core/http/answers.ts';
import { entityTag, ifMatchHeader } from '../../core/http/entity-tag.ts';
import { onGroupUse, onOrganizationalUnitUse } from '../../directory/index.ts';
import { type InstanceContext, referToZones, registerSettingsCheck, registerZoneUser, lockZones } from '../../tenancy/index.ts';
import { permissionMissing, scopeMissing } from '../errors.ts';
import { hasPermission } from '../roles.ts';
import { readPolicies } from './compile.ts';
import { rejectLockOut } from './guard.ts';
import { viewPolicy, type AccessPolicy } from './policy.ts';
import { createPolicy, deletePolicy, listPolicies, readPolicy, reorderPolicies, updatePolicy } from './policies.ts';
import { createPolicySchema, explanationSchema, listPoliciesQuery, policyPage, policyParams, policySchema, reorderSchema, simulateSchema, type Targets, updatePolicySchema } from './schemas.ts';
import { simulateAccess, viewDecision } from './simulate.ts';

const read: RouteAccess = { credential: 'bearer', scope: 'policy:read', permission: 'access.policies.read' };
const manage: RouteAccess = { credential: 'bearer', scope: 'policy:manage', permission: 'access.policies.manage' };

export async function accessPolicyRoutes(app: FastifyInstance, { core }: { core: Core }): Promise<void> {
  keepWhatPoliciesName(core);
  const routes = app.withTypeProvider<ZodTypeProvider>();
  const tags = ['Access policies'];
  const params = policyParams;
  const base = '/api/v1/access-policies';
  const guarded = 'Refused (409) when after it no owner could sign in to the console from the address that this request comes from.';

  routes.get(base, {
    schema: { operationId: 'listAccessPolicies', summary: 'List access policies, in the order in which they are asked', tags, querystring: listPoliciesQuery, response: answers({ 200: policyPage }) },
    config: { access: read },
  }, async ({ instanceContext: context, query }) => {
    const page = await listPolicies(context, query);
    return { items: await Promise.all(page.items.map((policy) => view(context, policy))), next: page.next };
  });

  routes.post(base, {
    schema: { operationId: 'createAccessPolicy', summary: 'Create an access policy', description: guarded, tags, body: createPolicySchema, response: answers({ 201: policySchema }) },
    config: { access: manage },
  }, async ({ instanceContext: context, body }, reply) => {
    const policy = await createPolicy(context, body);
    return reply.code(201).headers({ location: `${context.instance.issuer}${base}/${policy.id}`, etag: entityTag(policy.version) }).send(await view(context, policy));
  });

  routes.put(`${base}/order`, {
    schema: { operationId: 'reorderAccessPolicies', summary: 'Give several access policies a new priority at once', description: guarded, tags, body: reorderSchema, response: answers({ 200: policyPage }) },
    config: { access: manage },
  }, async ({ instanceContext: context, body }) => ({
    items: await Promise.all((await reorderPolicies(context, body.priorities)).map((policy) => view(context, policy))), next: null,
  }));

  routes.post(`${base}/simulate`, {
    schema: {
      operationId: 'simulateAccess', summary: 'What would be decided, and why', tags, body: simulateSchema, response: answers({ 200: explanationSchema }),
      description: 'Changes nothing. Also needs `user:read` and `application:read`: a condition could be used to ask about people.',
    },
    config: { access: read },
  }, async ({ instanceContext: context, body }) => {
    requireAlso(context, 'user:read', 'directory.users.read');
    requireAlso(context, 'application:read', 'applications.read');
    const decision = await simulateAccess(context, body);
    return { ...viewDecision(decision), policies: [...decision.policies] };
  });

  routes.get(`${base}/:policyId`, {
    schema: { operationId: 'getAccessPolicy', summary: 'Read an access policy', tags, params, response: answers({ 200: policySchema }) },
    config: { access: read },
  }, async ({ instanceContext: context, params: { policyId } }, reply) => {
    const policy = await readPolicy(context, policyId);
    return reply.header('etag', entityTag(policy.version)).send(await view(context, policy));
  });

  routes.patch(`${base}/:policyId`, {
    schema: { operationId: 'updateAccessPolicy', summary: 'Change an access policy', description: guarded, tags, params, headers: ifMatchHeader, body: updatePolicySchema, response: answers({ 200: policySchema }, 412) },
    config: { access: manage },
  }, async ({ instanceContext: context, params: { policyId }, body, headers }, reply) => {
    const policy = await updatePolicy(context, policyId, body, { ifMatch: headers['if-match'] });
    return reply.header('etag', entityTag(policy.version)).send(await view(context, policy));
  });

  routes.delete(`${base}/:policyId`, {
    schema: { operationId: 'deleteAccessPolicy', summary: 'Delete an access policy', description: guarded, tags, params, headers: ifMatchHeader, response: answers({ 204: noContent }, 412) },
    config: { access: manage },
  }, async ({ instanceContext: context, params: { policyId }, headers }, reply) => {
    await deletePolicy(context, policyId, { ifMatch: headers['if-match'] });
    return reply.code(204).send();
  });
}

async function view(context: InstanceContext, policy: AccessPolicy) {
  return { ...viewPolicy(policy), networkZones: await referToZones(context, [...policy.include.networkZones, ...policy.exclude.networkZones]) };
}

/** A second right beside the one of the route. @throws Problem 403 */
function requireAlso({ principal }: InstanceContext, scope: string, permission: string): void {
  if ('scopes' in principal && !principal.scopes.includes(scope)) throw scopeMissing(scope);
  if (principal.kind === 'user' && !hasPermission(principal.permissions, permission)) throw permissionMissing(permission);
}

/** Zones, groups and units that a policy names stay; the default and zones do not change into a lock-out. */
function keepWhatPoliciesName(core: Core): void {
  const naming = async (tx: InstanceContext, kind: keyof Targets, id: string) => (await readPolicies(tx)).filter(({ include, exclude }) => include[kind].some((one) => one === id) || exclude[kind].some((one) => one === id));
  registerZoneUser(core, {
    findUses: async (tx, zoneId) => (await naming(tx, 'networkZones', zoneId)).map(({ id, name }) => ({ type: 'access_policy', id, name })),
    checkChange: (tx) => rejectLockOut(tx),
  });
  onGroupUse(core, async (tx, groupId) => [{ kind: 'access policies', count: (await naming(tx, 'groups', groupId)).length }]);
  onOrganizationalUnitUse(core, async (tx, unitId) => [{ kind: 'access policies', count: (await naming(tx, 'organizationalUnits', unitId)).length }]);
  registerSettingsCheck(core, async (tx, before, after) => {
    if (after.accessPolicy.defaultEffect === before.accessPolicy.defaultEffect) return;
    await lockZones(tx);
    await rejectLockOut(tx, after.accessPolicy.defaultEffect);
  });
}
