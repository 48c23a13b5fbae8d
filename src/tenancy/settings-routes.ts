/** `/api/v1/settings`, `/api/v1/branding` and the images that the branding shows. */
import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { notFound } from '../core/errors.ts';
import type { RouteAccess } from '../core/http/access.ts';
import { answers } from '../core/http/answers.ts';
import { entityTag, ifMatchHeader } from '../core/http/entity-tag.ts';
import { imageTypeRefused } from './errors.ts';
import { findImage, largestLogoBytes, logoTypes, removeLogo, setLogo } from './logo.ts';
import { brandingAnswer, brandingPatch, changeSettingsQuery, settingsPatch, settingsSchema } from './schemas.ts';
import { changeSettings, loadFreshInstance } from './settings-change.ts';

const read: RouteAccess = { credential: 'bearer', scope: 'settings:read', permission: 'tenancy.settings.read' };
const manage: RouteAccess = { credential: 'bearer', scope: 'settings:manage', permission: 'tenancy.settings.manage' };

export async function settingsRoutes(app: FastifyInstance): Promise<void> {
  const routes = app.withTypeProvider<ZodTypeProvider>();
  const tags = ['Settings'];

  routes.get('/api/v1/settings', {
    schema: { operationId: 'getSettings', summary: 'Read the settings', tags, response: answers({ 200: settingsSchema }) },
    config: { access: read },
  }, async ({ instanceContext: context }, reply) => {
    const instance = await loadFreshInstance(context);
    return reply.header('etag', entityTag(instance.version)).send(instance.settings);
  });

  routes.patch('/api/v1/settings', {
    schema: { operationId: 'updateSettings', summary: 'Change settings', tags, headers: ifMatchHeader, querystring: changeSettingsQuery, body: settingsPatch, response: answers({ 200: settingsSchema }, 412) },
    config: { access: manage },
  }, async ({ instanceContext: context, body, headers, query }, reply) => {
    const instance = await changeSettings(context, 'settings', body, headers['if-match'], { allowLockOut: query.allowLockOut === 'true' });
    return reply.header('etag', entityTag(instance.version)).send(instance.settings);
  });

  routes.get('/api/v1/branding', {
    schema: { operationId: 'getBranding', summary: 'Read the branding', tags, response: answers({ 200: brandingAnswer }) },
    config: { access: read },
  }, async ({ instanceContext: context }, reply) => {
    const instance = await loadFreshInstance(context);
    return reply.header('etag', entityTag(instance.version)).send(instance.branding);
  });

  routes.patch('/api/v1/branding', {
    schema: { operationId: 'updateBranding', summary: 'Change the branding', description: 'Typed values only: nothing here can be active.', tags, headers: ifMatchHeader, body: brandingPatch, response: answers({ 200: brandingAnswer }, 412) },
    config: { access: manage },
  }, async ({ instanceContext: context, body, headers }, reply) => {
    const instance = await changeSettings(context, 'branding', body, headers['if-match']);
    return reply.header('etag', entityTag(instance.version)).send(instance.branding);
  });

  routes.delete('/api/v1/branding/logo', {
    schema: { operationId: 'removeLogo', summary: 'Remove the logo', tags, response: answers({ 200: brandingAnswer }) },
    config: { access: manage },
  }, async ({ instanceContext: context }) => (await removeLogo(context)).branding);

  await app.register(logoUpload);
  await app.register(images);
}

/** Its own context: only here is a body taken as bytes. */
async function logoUpload(app: FastifyInstance): Promise<void> {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser([...logoTypes], { parseAs: 'buffer', bodyLimit: largestLogoBytes }, (_request, body, done) => done(null, body));
  app.withTypeProvider<ZodTypeProvider>().put('/api/v1/branding/logo', {
    bodyLimit: largestLogoBytes,
    schema: {
      operationId: 'setLogo', summary: 'Upload the logo', tags: ['Settings'], consumes: [...logoTypes],
      description: `The image itself as PNG, JPEG or WebP, at most ${largestLogoBytes / 1024} KB. It is kept as a PNG of at most 512 x 256 pixels.`,
      response: answers({ 200: brandingAnswer }),
    },
    config: { access: manage },
  }, async ({ instanceContext: context, body, headers }) => {
    if (!Buffer.isBuffer(body)) throw imageTypeRefused();
    return (await setLogo(context, body, (headers['content-type'] ?? '').trim().toLowerCase())).branding;
  });
}

/** Public: pages show them before anybody has signed in. The address holds the hash of the content, so it never changes. */
async function images(app: FastifyInstance): Promise<void> {
  app.get('/assets/images/:file', {
    schema: { operationId: 'getImage', summary: 'An image of the branding', tags: ['Pages'], params: z.object({ file: z.string() }) },
    config: { access: { credential: 'none' } },
  }, async (request, reply) => {
    const hash = /^([a-f0-9]{64})\.png$/.exec((request.params as { file: string }).file)?.[1];
    const content = hash === undefined ? undefined : await findImage(request.instanceContext, hash);
    if (!content) throw notFound('image');
    return reply.headers({
      'content-type': 'image/png',
      'content-security-policy': "default-src 'none'; sandbox",
      'x-content-type-options': 'nosniff',
      'cross-origin-resource-policy': 'cross-origin',   // a console on its own host shows it too
      'cache-control': 'public, max-age=31536000, immutable',
    }).serializer((bytes: unknown) => bytes as string).send(Buffer.from(content));
  });
}
