import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { RouteAccess } from '../../core/http/access.ts';
import { answers, noContent } from '../../core/http/answers.ts';
import { entityTag, ifMatchHeader } from '../../core/http/entity-tag.ts';
import { pageQuery } from '../../core/http/paging.ts';
import { rejectOutsideLimit } from '../limits.ts';
import { inTurn } from '../locks.ts';
import { batchResultSchema } from '../member-schemas.ts';
import { userIdSchema } from '../schemas.ts';
import { listOrganizationalUnits } from './list-organizational-units.ts';
import { listUnitMembers } from './list-unit-members.ts';
import { listUnitsOfUser } from './list-units-of-user.ts';
import { moveOrganizationalUnit } from './move-organizational-unit.ts';
import { loadOrganizationalUnit, viewOrganizationalUnit } from './organizational-unit.ts';
import { createOrganizationalUnit, deleteOrganizationalUnit, updateOrganizationalUnit } from './organizational-units.ts';
import {
  addUnitMembersSchema, createOrganizationalUnitSchema, listOrganizationalUnitsQuery, listUnitMembersQuery, moveOrganizationalUnitSchema, organizationalUnitPage,
  organizationalUnitSchema, putPrimaryUnitSchema, putUserUnitsSchema, removeUnitMembersSchema, unitMemberPage, unitParams as params, updateOrganizationalUnitSchema, userUnitPage,
} from './schemas.ts';
import { addUnitMembers, putPrimaryUnit, putUnitsOfUser, removeUnitMembers } from './unit-members.ts';

const read: RouteAccess = { credential: 'bearer', scope: 'organizational-unit:read', permission: 'directory.organizational-units.read', limit: 'organizational-units' };
const manage: RouteAccess = { credential: 'bearer', scope: 'organizational-unit:manage', permission: 'directory.organizational-units.manage', limit: 'organizational-units' };

/** `/api/v1/organizational-units`, and the units of a user. */
export async function organizationalUnits(app: FastifyInstance): Promise<void> {
  await app.register(unitRoutes, { prefix: '/api/v1/organizational-units' });
  await app.register(memberRoutes, { prefix: '/api/v1/organizational-units/:organizationalUnitId/members' });
  await app.register(userRoutes, { prefix: '/api/v1/users/:userId' });
}

const tags = ['Organizational units'];

async function unitRoutes(app: FastifyInstance): Promise<void> {
  const routes = app.withTypeProvider<ZodTypeProvider>();

  routes.get('', {
    schema: { operationId: 'listOrganizationalUnits', summary: 'List organizational units: children of one, a subtree, or all', tags, querystring: listOrganizationalUnitsQuery, response: answers({ 200: organizationalUnitPage }) },
    config: { access: read },
  }, async ({ instanceContext: context, query }) => {
    const page = await listOrganizationalUnits(context, query);
    return { items: page.items.map(viewOrganizationalUnit), next: page.next };
  });

  routes.post('', {
    schema: { operationId: 'createOrganizationalUnit', summary: 'Create an organizational unit', tags, body: createOrganizationalUnitSchema, response: answers({ 201: organizationalUnitSchema }) },
    config: { access: manage },
  }, async ({ instanceContext: context, body }, reply) => {
    const unit = await inTurn(context, 'tree', () => createOrganizationalUnit(context, body));
    return reply.code(201).headers({ location: `${context.instance.issuer}/api/v1/organizational-units/${unit.id}`, etag: entityTag(unit.version) }).send(viewOrganizationalUnit(unit));
  });

  routes.get('/:organizationalUnitId', {
    schema: { operationId: 'getOrganizationalUnit', summary: 'Read an organizational unit', tags, params, response: answers({ 200: organizationalUnitSchema }) },
    config: { access: read },
  }, async ({ instanceContext: context, params: { organizationalUnitId } }, reply) => {
    const unit = await loadOrganizationalUnit(context, organizationalUnitId);
    return reply.header('etag', entityTag(unit.version)).send(viewOrganizationalUnit(unit));
  });

  routes.patch('/:organizationalUnitId', {
    schema: { operationId: 'updateOrganizationalUnit', summary: 'Change an organizational unit', tags, params, headers: ifMatchHeader, body: updateOrganizationalUnitSchema, response: answers({ 200: organizationalUnitSchema }, 412) },
    config: { access: manage },
  }, async ({ instanceContext: context, params: { organizationalUnitId }, body, headers }, reply) => {
    const unit = await updateOrganizationalUnit(context, organizationalUnitId, body, { ifMatch: headers['if-match'] });
    return reply.header('etag', entityTag(unit.version)).send(viewOrganizationalUnit(unit));
  });

  routes.post('/:organizationalUnitId/move', {
    schema: { operationId: 'moveOrganizationalUnit', summary: 'Move an organizational unit with all below it', tags, params, headers: ifMatchHeader, body: moveOrganizationalUnitSchema, response: answers({ 200: organizationalUnitSchema }, 412) },
    config: { access: manage },
  }, async ({ instanceContext: context, params: { organizationalUnitId }, body, headers }, reply) => {
    const unit = await inTurn(context, 'tree', () => moveOrganizationalUnit(context, organizationalUnitId, body, { ifMatch: headers['if-match'] }));
    return reply.header('etag', entityTag(unit.version)).send(viewOrganizationalUnit(unit));
  });

  routes.delete('/:organizationalUnitId', {
    schema: { operationId: 'deleteOrganizationalUnit', summary: 'Delete an organizational unit that nothing uses', description: 'What uses it is in the answer (`uses`): units below it, members, and what was granted to it.', tags, params, headers: ifMatchHeader, response: answers({ 204: noContent }, 412) },
    config: { access: manage },
  }, async ({ instanceContext: context, params: { organizationalUnitId }, headers }, reply) => {
    await inTurn(context, 'tree', () => deleteOrganizationalUnit(context, organizationalUnitId, { ifMatch: headers['if-match'] }));
    return reply.code(204).send();
  });
}

async function memberRoutes(app: FastifyInstance): Promise<void> {
  const routes = app.withTypeProvider<ZodTypeProvider>();

  routes.get('', {
    schema: { operationId: 'listOrganizationalUnitMembers', summary: 'List the members of an organizational unit', tags, params, querystring: listUnitMembersQuery, response: answers({ 200: unitMemberPage }) },
    config: { access: read },
  }, async ({ instanceContext: context, params: { organizationalUnitId }, query: { descendants, ...page } }) =>
    listUnitMembers(context, organizationalUnitId, { descendants: descendants === 'true', ...page }));

  routes.post('', {
    schema: { operationId: 'addOrganizationalUnitMembers', summary: 'Put users into an organizational unit', description: 'All or none.', tags, params, body: addUnitMembersSchema, response: answers({ 200: batchResultSchema }) },
    config: { access: manage },
  }, async ({ instanceContext: context, params: { organizationalUnitId }, body: { userIds, ...options } }) => addUnitMembers(context, organizationalUnitId, userIds, options));

  routes.post('/remove', {
    schema: { operationId: 'removeOrganizationalUnitMembers', summary: 'Take users out of an organizational unit', description: 'All or none.', tags, params, body: removeUnitMembersSchema, response: answers({ 200: batchResultSchema }) },
    config: { access: manage },
  }, async ({ instanceContext: context, params: { organizationalUnitId }, body: { userIds } }) => removeUnitMembers(context, organizationalUnitId, userIds));
}

async function userRoutes(app: FastifyInstance): Promise<void> {
  const routes = app.withTypeProvider<ZodTypeProvider>();
  const user = z.object({ userId: userIdSchema });

  routes.get('/organizational-units', {
    schema: { operationId: 'listOrganizationalUnitsOfUser', summary: 'List the organizational units of a user', description: 'A user who is in none belongs to the root, which is then not listed.', tags, params: user, querystring: z.strictObject(pageQuery.shape), response: answers({ 200: userUnitPage }) },
    config: { access: read },
  }, async ({ instanceContext: context, params: { userId }, query }) => {
    await rejectOutsideLimit(context, userId);
    return listUnitsOfUser(context, userId, query);
  });

  routes.put('/organizational-units', {
    schema: { operationId: 'putOrganizationalUnitsOfUser', summary: 'Say which organizational units a user is in', tags, params: user, body: putUserUnitsSchema, response: answers({ 200: batchResultSchema }) },
    config: { access: manage },
  }, async ({ instanceContext: context, params: { userId }, body }) => putUnitsOfUser(context, userId, body.organizationalUnitIds, body.primaryId));

  routes.put('/primary-organizational-unit', {
    schema: { operationId: 'putPrimaryOrganizationalUnit', summary: 'Say which of its organizational units is the primary one of a user', tags, params: user, body: putPrimaryUnitSchema, response: answers({ 200: batchResultSchema }) },
    config: { access: manage },
  }, async ({ instanceContext: context, params: { userId }, body: { organizationalUnitId } }) => putPrimaryUnit(context, userId, organizationalUnitId));
}
