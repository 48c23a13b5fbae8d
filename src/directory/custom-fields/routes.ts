/** `/api/v1/custom-fields`. */
import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { RouteAccess } from '../../core/http/access.ts';
import { answers, noContent } from '../../core/http/answers.ts';
import { entityTag, ifMatchHeader } from '../../core/http/entity-tag.ts';
import { createCustomField, deleteCustomField, updateCustomField } from './custom-fields.ts';
import { loadCustomFields, readCustomFields } from './definitions.ts';
import { customFieldNotFound } from './errors.ts';
import { createCustomFieldSchema, customFieldIdSchema, customFieldPage, customFieldSchema, deleteCustomFieldQuery, updateCustomFieldSchema } from './schemas.ts';
import { viewCustomField } from './view.ts';

// The same for all users: who sees some of them sees what the fields are.
const read: RouteAccess = { credential: 'bearer', scope: 'user:read', permission: 'directory.users.read', limit: 'organizational-units' };
const manage: RouteAccess = { credential: 'bearer', scope: 'custom-field:manage', permission: 'directory.custom-fields.manage' };
const params = z.object({ fieldId: customFieldIdSchema });

export async function customFields(app: FastifyInstance): Promise<void> {
  const routes = app.withTypeProvider<ZodTypeProvider>();
  const tags = ['Custom fields'];

  routes.get('', {
    schema: { operationId: 'listCustomFields', summary: 'List the custom fields of users, by position', tags, response: answers({ 200: customFieldPage }) },
    config: { access: read },
  }, async ({ instanceContext: context }) => ({ items: (await loadCustomFields(context)).map(viewCustomField), next: null }));

  routes.post('', {
    schema: { operationId: 'createCustomField', summary: 'Add a custom field', tags, body: createCustomFieldSchema, response: answers({ 201: customFieldSchema }) },
    config: { access: manage },
  }, async ({ instanceContext: context, body }, reply) => {
    const field = await createCustomField(context, body);
    return reply.code(201).headers({ location: `${context.instance.issuer}/api/v1/custom-fields/${field.id}`, etag: entityTag(field.version) }).send(viewCustomField(field));
  });

  routes.get('/:fieldId', {
    schema: { operationId: 'getCustomField', summary: 'Read a custom field', tags, params, response: answers({ 200: customFieldSchema }) },
    config: { access: read },
  }, async ({ instanceContext: context, params: { fieldId } }, reply) => {
    const field = (await readCustomFields(context)).find(({ id }) => id === fieldId);
    if (!field) throw customFieldNotFound();
    return reply.header('etag', entityTag(field.version)).send(viewCustomField(field));
  });

  routes.patch('/:fieldId', {
    schema: { operationId: 'updateCustomField', summary: 'Change a custom field', description: 'Refused (409) where users\' values stand against it; the answer says how many. Values that there are stay as they are until they are changed.', tags, params, headers: ifMatchHeader, body: updateCustomFieldSchema, response: answers({ 200: customFieldSchema }, 412) },
    config: { access: manage },
  }, async ({ instanceContext: context, params: { fieldId }, body, headers }, reply) => {
    const { field, usersWithout } = await updateCustomField(context, fieldId, body, headers['if-match']);
    return reply.header('etag', entityTag(field.version)).send({ ...viewCustomField(field), ...(usersWithout && { usersWithout }) });
  });

  routes.delete('/:fieldId', {
    schema: { operationId: 'deleteCustomField', summary: 'Delete a custom field', description: 'Where users have values, 409 says how many, unless `discardValues=true`.', tags, params, headers: ifMatchHeader, querystring: deleteCustomFieldQuery, response: answers({ 204: noContent }, 412) },
    config: { access: manage },
  }, async ({ instanceContext: context, params: { fieldId }, query, headers }, reply) => {
    await deleteCustomField(context, fieldId, { ifMatch: headers['if-match'], discardValues: query.discardValues === 'true' });
    return reply.code(204).send();
  });
}
