/**
 * Back-channel logout (OpenID Connect Back-Channel Logout 1.0): when a session ends, each application that took part
 * gets a logout token, again and again until it took it. How it went is visible at the participant.
 */
import type Provider from 'oidc-provider';
import { append } from '../../events/index.ts';
import type { Core } from '../../core/core.ts';
import type { JobData } from '../../core/jobs.ts';
import { findApplication } from '../../applications/index.ts';
import { instanceContext, key, type InstanceContext } from '../../tenancy/index.ts';
import { logoutNoticeFailed } from './events.ts';

/** Enqueued by `sessions.end` with { instanceId, participantId }. */
const logoutJob = 'logout.oidc';

/** Registers the worker; before jobs start. */
export function registerLogoutWorker(core: Core, providerOf: (context: InstanceContext) => Promise<Provider>): void {
  core.jobs.work(logoutJob, async (data) => {
    const context = await instanceContext(core, data.instanceId);
    if (context) await notify(context, participantIdOf(data), await providerOf(context));
  }, {
    retryLimit: 8, retryDelaySeconds: 5, concurrency: 10,
    async onGivenUp(data, error) {
      const context = await instanceContext(core, data.instanceId);
      if (context) await giveUp(context, participantIdOf(data), error);
    },
  });
}

const participantIdOf = (data: JobData): string => String(data['participantId']);

async function notify(context: InstanceContext, participantId: string, provider: Provider): Promise<void> {
  const participant = await context.db.sessionParticipant.findUnique({ where: key(context, participantId) });
  if (participant?.logoutState !== 'pending') return;
  const where = { id: participantId, logoutState: 'pending' };
  const session = await context.db.session.findUnique({ where: key(context, participant.sessionId) });
  const application = await findApplication(context, participant.applicationId);
  const client = application && await provider.Client.find(application.clientId);
  if (!session || !client?.backchannelLogoutUri) {
    await context.db.sessionParticipant.updateMany({ where, data: { logoutState: 'none' } });
    return;
  }
  try {
    // The library's own method signs and posts it, through our one door out (configuration: fetch).
    await (client as unknown as { backchannelLogout(sub: string, sid: string | null): Promise<void> }).backchannelLogout(session.userId, participant.sid);
  } catch (error) {
    await context.db.sessionParticipant.updateMany({ where, data: { logoutAttempts: { increment: 1 }, logoutError: reasonOf(error) } });
    throw error;
  }
  await context.db.sessionParticipant.updateMany({
    where, data: { logoutState: 'delivered', logoutAttempts: { increment: 1 }, logoutDeliveredAt: context.now(), logoutError: null } });
}

async function giveUp(context: InstanceContext, participantId: string, error: unknown): Promise<void> {
  await context.transaction(async (tx) => {
    const [participant] = await tx.db.sessionParticipant.updateManyAndReturn({ where: { id: participantId, logoutState: 'pending' }, data: { logoutState: 'failed', logoutError: reasonOf(error) } });
    if (participant) await append(tx, logoutNoticeFailed(participantId, { applicationId: participant.applicationId, sessionId: participant.sessionId, error: reasonOf(error) }));
  });
}

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : 'unknown').slice(0, 300);
