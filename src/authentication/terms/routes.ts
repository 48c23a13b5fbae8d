/** `/api/v1/terms`. */
import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { RouteAccess } from '../../core/http/access.ts';
import { answers } from '../../core/http/answers.ts';
import { entityTag, ifMatchHeader } from '../../core/http/entity-tag.ts';
import type { TermsDocument, TermsVersion } from '../../generated/prisma/client.ts';
import { listAcceptances } from './acceptances.ts';
import { createTerms, listTerms, listVersions, loadTerms, publishTerms, updateTerms } from './documents.ts';
import { acceptancePage, acceptancesQuery, createTermsSchema, listQuery, publishTermsSchema, termsIdSchema, termsPage, termsSchema, type TermsTexts, termsVersionPage, termsVersionSchema, updateTermsSchema } from './schemas.ts';

const read: RouteAccess = { credential: 'bearer', scope: 'terms:read', permission: 'authentication.terms.read' };
const manage: RouteAccess = { credential: 'bearer', scope: 'terms:manage', permission: 'authentication.terms.manage' };
const readAcceptances: RouteAccess = { credential: 'bearer', scope: 'terms:read', permission: 'authentication.terms.read', limit: 'organizational-units' };
const params = z.object({ termsId: termsIdSchema });
const tags = ['Terms'];

export async function termsRoutes(app: FastifyInstance): Promise<void> {
  const routes = app.withTypeProvider<ZodTypeProvider>();

  routes.get('', {
    schema: { operationId: 'listTerms', summary: 'List terms', tags, querystring: listQuery, response: answers({ 200: termsPage }) },
    config: { access: read },
  }, async ({ instanceContext: context, query }) => {
    const { items, next } = await listTerms(context, query);
    return { items: items.map(view), next };
  });

  routes.post('', {
    schema: { operationId: 'createTerms', summary: 'Create terms', description: 'Nobody is asked until a version is published.', tags, body: createTermsSchema, response: answers({ 201: termsSchema }) },
    config: { access: manage },
  }, async ({ instanceContext: context, body }, reply) => {
    const document = await createTerms(context, body);
    return reply.code(201).headers({ location: `${context.instance.issuer}/api/v1/terms/${document.id}`, ...tagOf(document) }).send(view(document));
  });

  routes.get('/:termsId', {
    schema: { operationId: 'getTerms', summary: 'Read terms', tags, params, response: answers({ 200: termsSchema }) },
    config: { access: read },
  }, async ({ instanceContext: context, params: { termsId } }, reply) => {
    const document = await loadTerms(context, termsId);
    return reply.headers(tagOf(document)).send(view(document));
  });

  routes.patch('/:termsId', {
    schema: { operationId: 'updateTerms', summary: 'Change or retire terms', tags, params, headers: ifMatchHeader, body: updateTermsSchema, response: answers({ 200: termsSchema }, 412) },
    config: { access: manage },
  }, async ({ instanceContext: context, params: { termsId }, body, headers }, reply) => {
    const document = await updateTerms(context, termsId, body, headers['if-match']);
    return reply.headers(tagOf(document)).send(view(document));
  });

  routes.get('/:termsId/versions', {
    schema: { operationId: 'listTermsVersions', summary: 'List what was published, newest first', tags, params, querystring: listQuery, response: answers({ 200: termsVersionPage }) },
    config: { access: read },
  }, async ({ instanceContext: context, params: { termsId }, query }) => {
    const { id } = await loadTerms(context, termsId);
    const { items, next } = await listVersions(context, id, query);
    return { items: items.map(viewVersion), next };
  });

  routes.post('/:termsId/versions', {
    schema: { operationId: 'publishTerms', summary: 'Publish the next version', description: 'Everybody is asked for it at the next sign-in. A version that was published never changes.', tags, params, headers: ifMatchHeader, body: publishTermsSchema, response: answers({ 201: termsVersionSchema }, 412) },
    config: { access: manage },
  }, async ({ instanceContext: context, params: { termsId }, body, headers }, reply) =>
    reply.code(201).send(viewVersion(await publishTerms(context, termsId, body.texts, headers['if-match']))));

  routes.get('/:termsId/acceptances', {
    schema: { operationId: 'listTermsAcceptances', summary: 'Who accepted which version, newest first', tags, params, querystring: acceptancesQuery, response: answers({ 200: acceptancePage }) },
    config: { access: readAcceptances },
  }, async ({ instanceContext: context, params: { termsId }, query }) => {
    const { id } = await loadTerms(context, termsId);
    const { items, next } = await listAcceptances(context, id, query);
    return { items: items.map(({ acceptedAt, ...rest }) => ({ ...rest, acceptedAt: acceptedAt.toISOString() })), next };
  });
}

const tagOf = ({ version }: TermsDocument) => ({ etag: entityTag(version) });

const view = ({ id, name, position, state, published, createdAt, updatedAt }: TermsDocument) => ({
  id, name, position, state: state as 'active' | 'retired', published, createdAt: createdAt.toISOString(), updatedAt: updatedAt.toISOString() });

const viewVersion = ({ documentId, number, texts, publishedAt }: TermsVersion) => ({ documentId, number, texts: texts as TermsTexts, publishedAt: publishedAt.toISOString() });
