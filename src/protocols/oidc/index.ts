/**
 * OAuth 2.0 and OpenID Connect, by oidc-provider: the wire format. Who may sign in, with what and where, is decided in
 * authentication, applications and directory.
 */
import type { FastifyInstance } from 'fastify';
import { registerApiDoor } from '../../authentication/index.ts';
import type { Core } from '../../core/core.ts';
import { registerProofKinds } from '../../core/proof-registry.ts';
import { purgeRecords } from './adapter.ts';
import { createApiDoor } from './api-door.ts';
import { consentRoutes } from './consent-routes.ts';
import { registerLogoutWorker } from './backchannel-logout.ts';
import { registerFlowOrigins } from './interactions.ts';
import { providerFor } from './mount.ts';
import { oauthProofKinds } from './proof-kinds.ts';
import { registrationRoutes } from './registration-routes.ts';
import { oauthRoutes } from './routes.ts';

/** Registers everything under `/t/:instance`: routes, flow origins, workers. */
export async function oidc(app: FastifyInstance, { core }: { core: Core }): Promise<void> {
  registerProofKinds(core, ...oauthProofKinds);
  registerFlowOrigins(core, providerFor);
  registerApiDoor(core, createApiDoor(providerFor));
  registerLogoutWorker(core, providerFor);
  core.jobs.schedule('oidc.purge', '*/10 * * * *', async () => { await purgeRecords(core); });
  await app.register(oauthRoutes, { core });
  await app.register(registrationRoutes);
  await app.register(consentRoutes);
}
