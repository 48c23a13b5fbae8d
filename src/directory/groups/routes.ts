import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { RouteAccess } from '../../core/http/access.ts';
import { answers, noContent } from '../../core/http/answers.ts';
import { entityTag, ifMatchHeader } from '../../core/http/entity-tag.ts';
import { pageQuery } from '../../core/http/paging.ts';
import { batchResultSchema } from '../member-schemas.ts';
import { rejectOutsideLimit } from '../limits.ts';
import { inTurn } from '../locks.ts';
import { userIdSchema } from '../schemas.ts';
import { addGroupMembers, putGroupMembers, removeGroupMembers } from './group-members.ts';
import { loadGroup, viewGroup } from './group.ts';
import { createGroup, deleteGroup, updateGroup } from './groups.ts';
import { listGroupMembers } from './list-group-members.ts';
import { listGroups } from './list-groups.ts';
import { listGroupsOfUser } from './list-groups-of-user.ts';
import { listNestedGroups, nestGroup, unnestGroup } from './nesting.ts';
import { previewRule } from './preview-rule.ts';
import { loadRuleRun, restartRuleRun, viewRuleRun } from './rule-runs.ts';
import {
  createGroupSchema, groupMemberPage, groupMembersSchema, groupOfUserPage, groupPage, groupParams as params, groupSchema, listGroupMembersQuery, listGroupsQuery,
  nestedGroupPage, nestGroupSchema, nestingParams, previewRuleSchema, putGroupMembersSchema, rulePreviewSchema, ruleRunSchema, updateGroupSchema,
} from './schemas.ts';

/** No `limit`: a group is for the whole instance, and may give rights in all of it. */
const read: RouteAccess = { credential: 'bearer', scope: 'group:read', permission: 'directory.groups.read' };
const manage: RouteAccess = { credential: 'bearer', scope: 'group:manage', permission: 'directory.groups.manage' };

/** `/api/v1/groups`, and the groups of a user. */
export async function groups(app: FastifyInstance): Promise<void> {
  await app.register(groupRoutes, { prefix: '/api/v1/groups' });
  await app.register(ruleRoutes, { prefix: '/api/v1/groups' });
  await app.register(memberRoutes, { prefix: '/api/v1/groups/:groupId' });
  await app.register(userRoutes, { prefix: '/api/v1/users/:userId/groups' });
}

const tags = ['Groups'];

async function groupRoutes(app: FastifyInstance): Promise<void> {
  const routes = app.withTypeProvider<ZodTypeProvider>();

  routes.get('', {
    schema: { operationId: 'listGroups', summary: 'List groups, oldest first', tags, querystring: listGroupsQuery, response: answers({ 200: groupPage }) },
    config: { access: read },
  }, async ({ instanceContext: context, query }) => {
    const page = await listGroups(context, query);
    return { items: page.items.map(viewGroup), next: page.next };
  });

  routes.post('', {
    schema: { operationId: 'createGroup', summary: 'Create a group', description: 'A dynamic one fills up in the background.', tags, body: createGroupSchema, response: answers({ 201: groupSchema }) },
    config: { access: manage },
  }, async ({ instanceContext: context, body }, reply) => {
    const group = await createGroup(context, body);
    return reply.code(201).headers({ location: `${context.instance.issuer}/api/v1/groups/${group.id}`, etag: entityTag(group.version) }).send(viewGroup(group));
  });

  routes.get('/:groupId', {
    schema: { operationId: 'getGroup', summary: 'Read a group', tags, params, response: answers({ 200: groupSchema }) },
    config: { access: read },
  }, async ({ instanceContext: context, params: { groupId } }, reply) => {
    const group = await loadGroup(context, groupId);
    return reply.header('etag', entityTag(group.version)).send(viewGroup(group));
  });

  routes.patch('/:groupId', {
    schema: { operationId: 'updateGroup', summary: 'Change a group', tags, params, headers: ifMatchHeader, body: updateGroupSchema, response: answers({ 200: groupSchema }, 412) },
    config: { access: manage },
  }, async ({ instanceContext: context, params: { groupId }, body, headers }, reply) => {
    const group = await updateGroup(context, groupId, body, { ifMatch: headers['if-match'] });
    return reply.header('etag', entityTag(group.version)).send(viewGroup(group));
  });

  routes.delete('/:groupId', {
    schema: { operationId: 'deleteGroup', summary: 'Delete a group that nothing uses', description: 'Its memberships go with it. What uses it is in the answer (`uses`): groups that it is nested in, and what was granted to it.', tags, params, headers: ifMatchHeader, response: answers({ 204: noContent }, 412) },
    config: { access: manage },
  }, async ({ instanceContext: context, params: { groupId }, headers }, reply) => {
    await inTurn(context, 'nesting', () => deleteGroup(context, groupId, { ifMatch: headers['if-match'] }));
    return reply.code(204).send();
  });
}

async function ruleRoutes(app: FastifyInstance): Promise<void> {
  const routes = app.withTypeProvider<ZodTypeProvider>();

  routes.post('/preview', {
    schema: { operationId: 'previewGroupRule', summary: 'Try a rule without saving it', description: 'Whom of the next users it matches, or what it gives for one. Needs the right to read users, too.', tags, body: previewRuleSchema, response: answers({ 200: rulePreviewSchema }) },
    config: { access: manage },
  }, async ({ instanceContext: context, body }) => previewRule(context, body));

  routes.get('/:groupId/rule-run', {
    schema: { operationId: 'getGroupRuleRun', summary: 'Read how far the rule of a dynamic group has been applied', tags, params, response: answers({ 200: ruleRunSchema }) },
    config: { access: read },
  }, async ({ instanceContext: context, params: { groupId } }) => viewRuleRun(await loadRuleRun(context, groupId)));

  routes.post('/:groupId/rule-run', {
    schema: { operationId: 'restartGroupRuleRun', summary: 'Apply the rule of a dynamic group to everybody again', description: 'Needed only after a run that failed.', tags, params, response: answers({ 202: ruleRunSchema }) },
    config: { access: manage },
  }, async ({ instanceContext: context, params: { groupId } }, reply) => reply.code(202).send(viewRuleRun(await restartRuleRun(context, groupId))));
}

async function memberRoutes(app: FastifyInstance): Promise<void> {
  const routes = app.withTypeProvider<ZodTypeProvider>();

  routes.get('/members', {
    schema: { operationId: 'listGroupMembers', summary: 'List the members of a group', tags, params, querystring: listGroupMembersQuery, response: answers({ 200: groupMemberPage }) },
    config: { access: read },
  }, async ({ instanceContext: context, params: { groupId }, query: { effective, ...page } }) => listGroupMembers(context, groupId, { effective: effective === 'true', ...page }));

  routes.post('/members', {
    schema: { operationId: 'addGroupMembers', summary: 'Put users into a static group', description: 'All or none.', tags, params, body: groupMembersSchema, response: answers({ 200: batchResultSchema }) },
    config: { access: manage },
  }, async ({ instanceContext: context, params: { groupId }, body: { userIds } }) => addGroupMembers(context, groupId, userIds));

  routes.post('/members/remove', {
    schema: { operationId: 'removeGroupMembers', summary: 'Take users out of a static group', tags, params, body: groupMembersSchema, response: answers({ 200: batchResultSchema }) },
    config: { access: manage },
  }, async ({ instanceContext: context, params: { groupId }, body: { userIds } }) => removeGroupMembers(context, groupId, userIds));

  routes.put('/members', {
    schema: { operationId: 'putGroupMembers', summary: 'Say who is in a static group', description: 'For groups of up to 10,000 members.', tags, params, body: putGroupMembersSchema, response: answers({ 200: batchResultSchema }) },
    config: { access: manage },
  }, async ({ instanceContext: context, params: { groupId }, body: { userIds } }) => putGroupMembers(context, groupId, userIds));

  routes.get('/groups', {
    schema: { operationId: 'listNestedGroups', summary: 'List the groups nested in a group', tags, params, querystring: z.strictObject(pageQuery.shape), response: answers({ 200: nestedGroupPage }) },
    config: { access: read },
  }, async ({ instanceContext: context, params: { groupId }, query }) => listNestedGroups(context, groupId, query));

  routes.post('/groups', {
    schema: { operationId: 'nestGroup', summary: 'Nest a group in a group', description: 'Its members are then members of the outer one, in effect.', tags, params, body: nestGroupSchema, response: answers({ 204: noContent }) },
    config: { access: manage },
  }, async ({ instanceContext: context, params: { groupId }, body }, reply) => {
    await inTurn(context, 'nesting', () => nestGroup(context, groupId, body.groupId));
    return reply.code(204).send();
  });

  routes.delete('/groups/:childGroupId', {
    schema: { operationId: 'unnestGroup', summary: 'Take a group out of a group', tags, params: nestingParams, response: answers({ 204: noContent }) },
    config: { access: manage },
  }, async ({ instanceContext: context, params: { groupId, childGroupId } }, reply) => {
    await unnestGroup(context, groupId, childGroupId);
    return reply.code(204).send();
  });
}

async function userRoutes(app: FastifyInstance): Promise<void> {
  app.withTypeProvider<ZodTypeProvider>().get('', {
    schema: { operationId: 'listGroupsOfUser', summary: 'List the groups of a user, also those that theirs are nested in', tags, params: z.object({ userId: userIdSchema }), querystring: z.strictObject(pageQuery.shape), response: answers({ 200: groupOfUserPage }) },
    config: { access: { ...read, limit: 'organizational-units' } },
  }, async ({ instanceContext: context, params: { userId }, query }) => {
    await rejectOutsideLimit(context, userId);
    return listGroupsOfUser(context, userId, query);
  });
}
