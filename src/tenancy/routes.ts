/** Everything of this folder that is served under an instance, and its work in the background. */
import type { FastifyInstance } from 'fastify';
import type { Core } from '../core/core.ts';
import { registerProofKinds } from '../core/proof-registry.ts';
import { eraseInstance, eraseJob } from './delete-instance.ts';
import { domainRoutes } from './domain-routes.ts';
import { recheckDomains } from './domains.ts';
import { keyRoutes } from './key-routes.ts';
import { rotateDueKeys } from './key-rotation.ts';
import { guardManagementZones } from './network-zones/management-access.ts';
import { networkZoneRoutes } from './network-zones/routes.ts';
import { quotaRoutes } from './plans/routes.ts';
import { settingsRoutes } from './settings-routes.ts';

/** `/api/v1/settings`, `/branding`, `/keys`, `/domains`, `/network-zones`, `/quotas`, `/statements`, and images. */
export async function tenancy(app: FastifyInstance, { core }: { core: Core }): Promise<void> {
  await app.register(settingsRoutes);
  await app.register(keyRoutes);
  await app.register(domainRoutes);
  await app.register(networkZoneRoutes);
  await app.register(quotaRoutes, { core });
  guardManagementZones(core);

  registerProofKinds(core, {
    name: 'tenancy.domain-challenge', purpose: 'Shows in the DNS that a host name belongs to who runs an instance.', subject: 'none',
    target: 'TXT record _postern-challenge of the host name', oneTime: false, stored: 'row',
  });
  core.jobs.schedule('tenancy.rotate-keys', '23 * * * *', () => rotateDueKeys(core));
  core.jobs.schedule('tenancy.recheck-domains', '41 4 * * *', () => recheckDomains(core));
  core.jobs.work(eraseJob, (job) => eraseInstance(core, job.instanceId, typeof job['operatorId'] === 'string' ? job['operatorId'] : null, String(job['requestId'])));
}
