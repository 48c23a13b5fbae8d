/** `/api/v1/applications/{applicationId}/roles`, who has them, and what somebody has. */
import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { applicationIdSchema } from '../../applications/index.ts';
import type { RouteAccess } from '../../core/http/access.ts';
import { answers, noContent } from '../../core/http/answers.ts';
import { entityTag, ifMatchHeader } from '../../core/http/entity-tag.ts';
import { pageQuery } from '../../core/http/paging.ts';
import { putAssignment, removeAssignment } from './assignments.ts';
import { listAssignments } from './list-assignments.ts';
import { viewRole } from './role.ts';
import { createRole, deleteRole, listRoles, loadRole, updateRole } from './roles.ts';
import {
  assignmentPage, createRoleSchema, deleteRoleQuery, listAssignmentsQuery, putAssignmentSchema, roleIdSchema, rolePage, roleSchema, subjectIdSchema, updateRoleSchema,
} from './schemas.ts';

const read: RouteAccess = { credential: 'bearer', scope: 'role:read', permission: 'access.application-roles.read' };
const manage: RouteAccess = { credential: 'bearer', scope: 'role:manage', permission: 'access.application-roles.manage' };
export const readAssignments: RouteAccess = { credential: 'bearer', scope: 'role:read', permission: 'access.role-assignments.read', limit: 'organizational-units' };
export const manageAssignments: RouteAccess = { credential: 'bearer', scope: 'role:manage', permission: 'access.role-assignments.manage', limit: 'organizational-units' };

const ofApplication = z.object({ applicationId: applicationIdSchema });
const ofRole = ofApplication.extend({ roleId: roleIdSchema });
const ofAssignment = ofRole.extend({ subjectId: subjectIdSchema });
const tags = ['Application roles'];

export async function applicationRoleRoutes(app: FastifyInstance): Promise<void> {
  const routes = app.withTypeProvider<ZodTypeProvider>();

  routes.get('', {
    schema: { operationId: 'listApplicationRoles', summary: 'List the roles of an application', tags, params: ofApplication, querystring: z.strictObject(pageQuery.shape), response: answers({ 200: rolePage }) },
    config: { access: read },
  }, async ({ instanceContext: context, params: { applicationId }, query }) => {
    const page = await listRoles(context, applicationId, query);
    return { items: page.items.map(viewRole), next: page.next };
  });

  routes.post('', {
    schema: { operationId: 'createApplicationRole', summary: 'Define a role of an application', tags, params: ofApplication, body: createRoleSchema, response: answers({ 201: roleSchema }) },
    config: { access: manage },
  }, async ({ instanceContext: context, params: { applicationId }, body }, reply) => {
    const role = await createRole(context, applicationId, body);
    return reply.code(201).headers({ location: `${context.instance.issuer}/api/v1/applications/${applicationId}/roles/${role.id}`, etag: entityTag(role.version) }).send(viewRole(role));
  });

  routes.get('/:roleId', {
    schema: { operationId: 'getApplicationRole', summary: 'Read a role of an application', tags, params: ofRole, response: answers({ 200: roleSchema }) },
    config: { access: read },
  }, async ({ instanceContext: context, params: { applicationId, roleId } }, reply) => {
    const role = await loadRole(context, applicationId, roleId);
    return reply.header('etag', entityTag(role.version)).send(viewRole(role));
  });

  routes.patch('/:roleId', {
    schema: { operationId: 'updateApplicationRole', summary: 'Change a role of an application', tags, params: ofRole, headers: ifMatchHeader, body: updateRoleSchema, response: answers({ 200: roleSchema }, 412) },
    config: { access: manage },
  }, async ({ instanceContext: context, params: { applicationId, roleId }, body, headers }, reply) => {
    const role = await updateRole(context, applicationId, roleId, body, { ifMatch: headers['if-match'] });
    return reply.header('etag', entityTag(role.version)).send(viewRole(role));
  });

  routes.delete('/:roleId', {
    schema: {
      operationId: 'deleteApplicationRole', summary: 'Delete a role of an application', description: 'A role that is assigned is kept: the answer says to how many (409, `usedBy`).',
      tags, params: ofRole, querystring: deleteRoleQuery, headers: ifMatchHeader, response: answers({ 204: noContent }, 412),
    },
    config: { access: manage },
  }, async ({ instanceContext: context, params: { applicationId, roleId }, query, headers }, reply) => {
    await deleteRole(context, applicationId, roleId, { ifMatch: headers['if-match'], force: query.force === 'true' });
    return reply.code(204).send();
  });

  routes.get('/:roleId/assignments', {
    schema: {
      operationId: 'listRoleAssignments', summary: 'List who was given a role', description: 'Those whom it was given to, not all who have it in effect by groups and organizational units.',
      tags, params: ofRole, querystring: listAssignmentsQuery, response: answers({ 200: assignmentPage }),
    },
    config: { access: readAssignments },
  }, async ({ instanceContext: context, params: { applicationId, roleId }, query }) => {
    await loadRole(context, applicationId, roleId);
    const page = await listAssignments(context, roleId, query);
    return { items: page.items.map((item) => ({ ...item, expiresAt: item.expiresAt?.toISOString() ?? null, createdAt: item.createdAt.toISOString() })), next: page.next };
  });

  routes.put('/:roleId/assignments/:subjectId', {
    schema: {
      operationId: 'assignApplicationRole', summary: 'Give somebody a role', description: 'A user, a group or an organizational unit. A second time it sets the end and the reach anew; what is the same already changes nothing.',
      tags, params: ofAssignment, body: putAssignmentSchema, response: answers({ 204: noContent }),
    },
    config: { access: manageAssignments },
  }, async ({ instanceContext: context, params, body }, reply) => {
    await putAssignment(context, params, body);
    return reply.code(204).send();
  });

  routes.delete('/:roleId/assignments/:subjectId', {
    schema: { operationId: 'revokeApplicationRole', summary: 'Take a role back', tags, params: ofAssignment, response: answers({ 204: noContent }) },
    config: { access: manageAssignments },
  }, async ({ instanceContext: context, params }, reply) => {
    await removeAssignment(context, params);
    return reply.code(204).send();
  });
}
