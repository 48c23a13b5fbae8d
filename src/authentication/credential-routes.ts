/** `/api/v1/users/{userId}/credentials`: what a person has set up besides the password, for those who look after them. */
import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { rejectActingOnHigher } from '../access/index.ts';
import type { RouteAccess } from '../core/http/access.ts';
import { answers, noContent } from '../core/http/answers.ts';
import { text } from '../core/http/text.ts';
import { loadUser, rejectChangeOutsideLimit, rejectOutsideLimit } from '../directory/index.ts';
import type { InstanceContext } from '../tenancy/index.ts';
import { loadCredential, removeCredential, renameCredential, resetCredentials } from './credentials.ts';
import { listCredentials } from './enrolments/index.ts';
import { userParams } from './schemas.ts';
import type { CredentialView } from './types.ts';

const read: RouteAccess = { credential: 'bearer', scope: 'user:read', permission: 'directory.users.read', limit: 'organizational-units' };
const reset: RouteAccess = { credential: 'bearer', scope: 'user:manage', permission: 'directory.users.reset', limit: 'organizational-units', sensitive: true };

const credentialParams = userParams.extend({ credentialId: z.string().max(200).regex(/^[\w-]+$/, 'must be the id of a credential') });

const credentialSchema = z.object({
  id: z.string(),
  method: z.string().describe('totp, webauthn, recovery_code.'),
  name: z.string(),
  createdAt: z.iso.datetime(),
  lastUsedAt: z.iso.datetime().nullable(),
  detail: z.string().nullable().describe('More about it, such as how many recovery codes are left.'),
}).meta({ id: 'Credential' });

const renameSchema = z.strictObject({ name: text(60) }).meta({ id: 'RenameCredential' });
const resetSchema = z.object({ removed: z.int().describe('How many there were.') }).meta({ id: 'CredentialsReset' });

export async function credentialRoutes(app: FastifyInstance): Promise<void> {
  const routes = app.withTypeProvider<ZodTypeProvider>();
  const tags = ['Credentials'];

  routes.get('/credentials', {
    schema: { operationId: 'listUserCredentials', summary: 'List the credentials of a user', description: 'Authenticator apps, passkeys and recovery codes. Never a secret or a code.', tags, params: userParams, response: answers({ 200: z.object({ items: z.array(credentialSchema), next: z.null() }).meta({ id: 'Credentials' }) }) },
    config: { access: read },
  }, async ({ instanceContext: context, params: { userId } }) => {
    await loadUser(context, userId);
    await rejectOutsideLimit(context, userId);
    return { items: (await listCredentials(context, userId)).map(view), next: null };
  });

  routes.patch('/credentials/:credentialId', {
    schema: { operationId: 'renameUserCredential', summary: 'Rename a credential of a user', tags, params: credentialParams, body: renameSchema, response: answers({ 200: credentialSchema }) },
    config: { access: reset },
  }, async ({ instanceContext: context, params: { userId, credentialId }, body }) => {
    await rejectActing(context, userId);
    await renameCredential(context, userId, credentialId, body.name);
    return view(await loadCredential(context, userId, credentialId));
  });

  routes.delete('/credentials/:credentialId', {
    schema: { operationId: 'removeUserCredential', summary: 'Remove a credential of a user', description: 'The user is told by mail. Sessions go on.', tags, params: credentialParams, response: answers({ 204: noContent }) },
    config: { access: reset },
  }, async ({ instanceContext: context, params: { userId, credentialId } }, reply) => {
    await rejectActing(context, userId);
    await removeCredential(context, userId, credentialId);
    return reply.code(204).send();
  });

  routes.post('/credentials/reset', {
    schema: { operationId: 'resetUserCredentials', summary: 'Remove all credentials of a user', description: 'For a lost telephone: authenticator apps, passkeys and recovery codes go, all sessions end, and the user is told by mail. Make sure who is asking before you do this.', tags, params: userParams, response: answers({ 200: resetSchema }) },
    config: { access: reset },
  }, async ({ instanceContext: context, params: { userId } }) => {
    await rejectActing(context, userId);
    return { removed: await resetCredentials(context, userId) };
  });
}

const view = ({ id, method, name, createdAt, lastUsedAt, detail }: CredentialView) => ({
  id, method, name, createdAt: createdAt.toISOString(), lastUsedAt: lastUsedAt?.toISOString() ?? null, detail: detail ?? null });

/** Whoever takes a second factor away makes it possible to become the user. @throws Problem 404, 403 */
async function rejectActing(context: InstanceContext, userId: string): Promise<void> {
  await loadUser(context, userId);
  await rejectChangeOutsideLimit(context, [userId]);
  await rejectActingOnHigher(context, [userId]);
}
