/** Everything of this folder that is served under an instance, and its work in the background. */
import type { FastifyInstance } from 'fastify';
import type { Core } from '../core/core.ts';
import { deliver, giveUp, retryDelaySeconds, retryLimit } from './deliver.ts';
import { gatewayRoutes } from './gateway-routes.ts';
import { logRoutes } from './log-routes.ts';
import { purgeNotifications } from './purge.ts';
import { sendJob } from './send.ts';
import { templateRoutes } from './template-routes.ts';

/** `/api/v1/notification-gateways`, `/notification-templates`, `/notifications`, `/notification-costs` and `/outbox`. */
export async function notifications(app: FastifyInstance, { core }: { core: Core }): Promise<void> {
  await app.register(gatewayRoutes);
  await app.register(templateRoutes);
  await app.register(logRoutes);
  core.jobs.work(sendJob, (job) => deliver(core, job.instanceId, String(job['messageId'])), {
    retryLimit, retryDelaySeconds, concurrency: 10, onGivenUp: (job) => giveUp(core, job.instanceId, String(job['messageId'])),
  });
  core.jobs.schedule('notifications.purge', '17 * * * *', () => purgeNotifications(core));
}
