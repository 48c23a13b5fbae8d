/** What a user has in effect, and what a group or organizational unit itself was given. */
import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { applicationIdSchema, loadApplication } from '../../applications/index.ts';
import { answers } from '../../core/http/answers.ts';
import { decodeCursor, pageFrom, pageQuery } from '../../core/http/paging.ts';
import { userIdSchema } from '../../directory/index.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import { loadSubject } from './assignments.ts';
import { type EffectiveRole, effectiveRoles, effectiveRolesOfUser } from './effective-roles.ts';
import { type DirectRole, listDirectRoles } from './list-assignments.ts';
import { readAssignments } from './routes.ts';
import { directRolePage, effectiveRolePage, groupIdSchema, organizationalUnitIdSchema } from './schemas.ts';

export const viewEffectiveRole = (role: EffectiveRole) => ({
  ...role, through: role.through.map((reason) => ({ ...reason, expiresAt: reason.expiresAt?.toISOString() ?? null })),
});
const viewDirectRole = (role: DirectRole) => ({ ...role, expiresAt: role.expiresAt?.toISOString() ?? null, createdAt: role.createdAt.toISOString() });

export async function subjectRoleRoutes(app: FastifyInstance): Promise<void> {
  const routes = app.withTypeProvider<ZodTypeProvider>();
  const tags = ['Application roles'];

  routes.get('/users/:userId/application-roles', {
    schema: {
      operationId: 'listEffectiveRoles', summary: 'List the roles that a user has in effect, and why',
      description: 'By itself, by groups and those they are nested in, by organizational units and those above them. Ended assignments do not count.',
      tags, params: z.object({ userId: userIdSchema }), querystring: z.strictObject({ ...pageQuery.shape, applicationId: applicationIdSchema.optional() }), response: answers({ 200: effectiveRolePage }),
    },
    config: { access: readAssignments },
  }, async ({ instanceContext: context, params: { userId }, query }) => {
    await loadSubject(context, userId);
    return pageOfEffective(context, userId, query);
  });

  routes.get('/groups/:groupId/application-roles', {
    schema: { operationId: 'listRolesOfGroup', summary: 'List the roles that a group was given', tags, params: z.object({ groupId: groupIdSchema }), querystring: z.strictObject(pageQuery.shape), response: answers({ 200: directRolePage }) },
    config: { access: readAssignments },
  }, ({ instanceContext: context, params: { groupId }, query }) => pageOfDirect(context, groupId, query));

  routes.get('/organizational-units/:organizationalUnitId/application-roles', {
    schema: { operationId: 'listRolesOfOrganizationalUnit', summary: 'List the roles that an organizational unit was given', tags, params: z.object({ organizationalUnitId: organizationalUnitIdSchema }), querystring: z.strictObject(pageQuery.shape), response: answers({ 200: directRolePage }) },
    config: { access: readAssignments },
  }, ({ instanceContext: context, params: { organizationalUnitId }, query }) => pageOfDirect(context, organizationalUnitId, query));
}

interface PageQuery { limit: number; cursor?: string | undefined }

async function pageOfDirect(context: InstanceContext, subjectId: string, query: PageQuery) {
  const page = await listDirectRoles(context, await loadSubject(context, subjectId), query);
  return { items: page.items.map(viewDirectRole), next: page.next };
}

async function pageOfEffective(context: InstanceContext, userId: string, { limit, cursor, applicationId }: PageQuery & { applicationId?: string | undefined }) {
  const { keyring } = context.core;
  const scope = `${context.instance.id}\neffective-roles\n${userId}\n${applicationId ?? ''}`;
  const [after] = decodeCursor(keyring, scope, cursor) ?? [];
  if (applicationId !== undefined) await loadApplication(context, applicationId);
  const roles = applicationId === undefined ? await effectiveRolesOfUser(context, userId) : await effectiveRoles(context, applicationId, userId);
  const positionOf = (role: EffectiveRole) => `${role.applicationId} ${role.key}`;
  const page = pageFrom(keyring, scope, roles.filter((role) => after === undefined || positionOf(role) > String(after)), limit, (role) => [positionOf(role)]);
  return { items: page.items.map(viewEffectiveRole), next: page.next };
}
