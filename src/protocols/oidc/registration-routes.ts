/** `/api/v1/initial-access-tokens`: how an administrator lets somebody register an application (RFC 7591 §3). */
import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { conflict } from '../../core/errors.ts';
import { answers } from '../../core/http/answers.ts';
import { createInitialAccessToken } from './registration.ts';

const created = z.object({
  token: z.string().describe('Sent as a bearer token to the registration endpoint, once.'),
  registrationEndpoint: z.string(),
  expiresAt: z.iso.datetime(),
}).meta({ id: 'InitialAccessToken' });

export async function registrationRoutes(app: FastifyInstance): Promise<void> {
  app.withTypeProvider<ZodTypeProvider>().post('/api/v1/initial-access-tokens', {
    schema: {
      operationId: 'createInitialAccessToken', tags: ['Applications'], summary: 'Allow one dynamic registration within a day (RFC 7591)',
      description: 'The token is in this answer and nowhere else. 409 unless the setting `dynamicRegistration` is on.', response: answers({ 201: created }, 409),
    },
    config: { access: { credential: 'bearer', scope: 'application:manage', permission: 'applications.manage' } },
  }, async ({ instanceContext: context }, reply) => {
    if (!context.instance.settings.dynamicRegistration.enabled) throw conflict('Operation.Failure.Registration.Off', 'Dynamic registration is switched off: set dynamicRegistration.enabled in the settings first.');
    const { token, expiresAt } = await createInitialAccessToken(context);
    return reply.code(201).header('cache-control', 'no-store')
      .send({ token, registrationEndpoint: `${context.instance.issuer}/oauth2/register`, expiresAt: expiresAt.toISOString() });
  });
}
