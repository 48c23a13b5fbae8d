/** `/.well-known/webauthn`, and the metadata file of administrators. Passkeys themselves are credentials like others. */
import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { Core } from '../../core/core.ts';
import { invalidParameters, notFound } from '../../core/errors.ts';
import type { RouteAccess } from '../../core/http/access.ts';
import { answers, noContent } from '../../core/http/answers.ts';
import { registerSettingsCheck } from '../../tenancy/index.ts';
import { findMetadata, largestBlobBytes, removeMetadata, replaceMetadata } from './metadata.ts';
import { mayUseRpId, relatedOrigins } from './relying-party.ts';

const read: RouteAccess = { credential: 'bearer', scope: 'settings:read', permission: 'tenancy.settings.read' };
const manage: RouteAccess = { credential: 'bearer', scope: 'settings:manage', permission: 'tenancy.settings.manage' };

const metadataSchema = z.strictObject({
  number: z.int().describe('Serial number of the file.'),
  nextUpdate: z.iso.date().describe('When its maker promised a newer one.'),
  rootHash: z.string().describe('SHA-256 of the root certificate that vouches for it.'),
  models: z.int().describe('Models of authenticators in it.'),
  uploadedAt: z.iso.datetime(),
}).meta({ id: 'PasskeyMetadata' });

const uploadSchema = z.strictObject({
  blob: z.string().min(1).max(largestBlobBytes).regex(/^[\w-]+\.[\w-]+\.[\w-]+$/, 'must be a JWT').describe('The file as it is, a JWT; that of the FIDO Alliance is at https://mds3.fidoalliance.org/.'),
  rootCertificate: z.string().max(8_192).optional().describe('PEM. For metadata of your own; by default the file must be signed by the FIDO Alliance.'),
});

export async function passkeyRoutes(app: FastifyInstance, { core }: { core: Core }): Promise<void> {
  const routes = app.withTypeProvider<ZodTypeProvider>();
  const tags = ['Settings'];

  registerSettingsCheck(core, async (tx, before, after) => {
    const { rpId } = after.passkeys;
    if (rpId === before.passkeys.rpId) return;
    await tx.core.signals.publish(tx.db, 'tenancy.domains', tx.instance.id);
    if (rpId === null || await mayUseRpId(tx, rpId)) return;
    throw invalidParameters([{ field: 'passkeys.rpId', code: 'invalid', detail: 'must be the host of this instance, a parent of its own domain, or another verified domain of it' }]);
  });

  routes.get('/.well-known/webauthn', { schema: { hide: true }, config: { access: { credential: 'none' } } }, async ({ instanceContext }, reply) =>
    reply.header('cache-control', 'public, max-age=300').send({ origins: await relatedOrigins(instanceContext) }));

  routes.get('/api/v1/passkey-metadata', {
    schema: { operationId: 'getPasskeyMetadata', summary: 'Read which metadata of authenticators is in use', tags, response: answers({ 200: metadataSchema }, 404) },
    config: { access: read },
  }, async ({ instanceContext: context }) => {
    const found = await findMetadata(context);
    if (!found) throw notFound('passkey metadata');
    return written(found);
  });

  routes.put('/api/v1/passkey-metadata', {
    bodyLimit: largestBlobBytes + 65_536,
    schema: { operationId: 'replacePasskeyMetadata', summary: 'Upload metadata of authenticators', description: 'The FIDO Metadata Service BLOB (MDS 3.0). Its signature and certificates are checked; nothing is downloaded.', tags, body: uploadSchema, response: answers({ 200: metadataSchema }, 409, 413) },
    config: { access: manage },
  }, async ({ instanceContext: context, body }) => written(await replaceMetadata(context, body.blob, body.rootCertificate)));

  routes.delete('/api/v1/passkey-metadata', {
    schema: { operationId: 'removePasskeyMetadata', summary: 'Remove the metadata of authenticators', tags, response: answers({ 204: noContent }, 404) },
    config: { access: manage },
  }, async ({ instanceContext: context }, reply) => {
    if (!await removeMetadata(context)) throw notFound('passkey metadata');
    return reply.code(204).send();
  });
}

const written = ({ uploadedAt, ...rest }: NonNullable<Awaited<ReturnType<typeof findMetadata>>>) => ({ ...rest, uploadedAt: uploadedAt.toISOString() });
