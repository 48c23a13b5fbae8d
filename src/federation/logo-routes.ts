import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { notFound, Problem } from '../core/errors.ts';
import type { RouteAccess } from '../core/http/access.ts';
import { answers } from '../core/http/answers.ts';
import { largestLogoBytes, logoTypes } from '../tenancy/index.ts';
import { findSourceLogo, setSourceLogo } from './logos.ts';
import { sourceIdSchema, sourceParams, sourceSchema } from './schemas.ts';
import { viewSource } from './source.ts';

/** Its own context: only here is a body taken as bytes. */
export async function logoRoutes(app: FastifyInstance, { access }: { access: RouteAccess }): Promise<void> {
  const tags = ['Identity sources'];
  const routes = app.withTypeProvider<ZodTypeProvider>();

  routes.delete('/api/v1/identity-sources/:sourceId/logo', {
    schema: { operationId: 'removeIdentitySourceLogo', summary: 'Remove the logo of an identity source', tags, params: sourceParams, response: answers({ 200: sourceSchema }) },
    config: { access },
  }, async ({ instanceContext: context, params: { sourceId } }) => viewSource(context, await setSourceLogo(context, sourceId, null)));

  await app.register(async (uploads) => {
    uploads.removeAllContentTypeParsers();
    uploads.addContentTypeParser([...logoTypes], { parseAs: 'buffer', bodyLimit: largestLogoBytes }, (_request, body, done) => done(null, body));
    uploads.withTypeProvider<ZodTypeProvider>().put('/api/v1/identity-sources/:sourceId/logo', {
      bodyLimit: largestLogoBytes,
      schema: {
        operationId: 'setIdentitySourceLogo', summary: 'Upload the logo of an identity source', tags, params: sourceParams, consumes: [...logoTypes],
        description: `The image itself as PNG, JPEG or WebP, at most ${largestLogoBytes / 1024} KB. It is kept as a PNG of at most 512 x 256 pixels.`,
        response: answers({ 200: sourceSchema }),
      },
      config: { access },
    }, async ({ instanceContext: context, body, headers, params: { sourceId } }) => {
      if (!Buffer.isBuffer(body)) throw new Problem({ status: 415, code: 'Unsupported.Media.Type', detail: `Send the image as ${logoTypes.join(', ')}.` });
      return viewSource(context, await setSourceLogo(context, sourceId, { image: body, mediaType: (headers['content-type'] ?? '').trim().toLowerCase() }));
    });
  });

  /** Public: shown before anybody has signed in. The address holds the hash of the content, so it never changes. */
  routes.get('/assets/sources/:sourceId/:file', {
    schema: { operationId: 'getIdentitySourceLogo', summary: 'The logo of an identity source', tags: ['Pages'], params: z.object({ sourceId: sourceIdSchema, file: z.string().max(80) }) },
    config: { access: { credential: 'none' } },
  }, async ({ instanceContext: context, params: { sourceId, file } }, reply) => {
    const hash = /^([a-f0-9]{64})\.png$/.exec(file)?.[1];
    const content = hash === undefined ? undefined : await findSourceLogo(context, sourceId, hash);
    if (!content) throw notFound('image');
    return reply.headers({ 'content-type': 'image/png', 'cache-control': 'public, max-age=31536000, immutable', 'content-security-policy': "default-src 'none'; sandbox", 'x-content-type-options': 'nosniff', 'cross-origin-resource-policy': 'cross-origin' })
      .serializer((bytes: unknown) => bytes as string).send(Buffer.from(content));
  });
}
