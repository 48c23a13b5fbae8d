/**
 * Back-channel logout (OpenID Connect Back-Channel Logout 1.0): when a session ends, each application that took part
 * gets a logout token, again and again until it took it. How it went is visible at the participant.
 */
import type Provider from 'oidc-provider';
import { append } from '../../events/index.ts';
import type { Core } from '../../core/core.ts';
import { findApplication } from '../../applications/index.ts';
import { logoutJob, type LogoutNotice } from '../../authentication/index.ts';
import { instanceContext, key, type InstanceContext } from '../../tenancy/index.ts';
import { logoutNoticeFailed } from './events.ts';

/** Registers the worker; before jobs start. */
export function registerLogoutWorker(core: Core, providerOf: (context: InstanceContext) => Promise<Provider>): void {
  core.jobs.work(logoutJob, async (data) => {
    const context = await instanceContext(core, data.instanceId);
    if (context) await notify(context, data as LogoutNotice, await providerOf(context));
  }, {
    retryLimit: 8, retryDelaySeconds: 5, concurrency: 10,
    async onGivenUp(data, error) {
      const context = await instanceContext(core, data.instanceId);
      if (context) await giveUp(context, data as LogoutNotice, error);
    },
  });
}

/** The participant's row keeps how it went. With its user deleted it is gone, and the notice is sent all the same. */
async function notify(context: InstanceContext, notice: LogoutNotice, provider: Provider): Promise<void> {
  const participant = await context.db.sessionParticipant.findUnique({ where: key(context, notice.participantId) });
  if (participant && participant.logoutState !== 'pending') return;
  const where = { id: notice.participantId, logoutState: 'pending' };
  const application = await findApplication(context, notice.applicationId);
  const client = application && await provider.Client.find(application.clientId);
  if (!client?.backchannelLogoutUri) {
    await context.db.sessionParticipant.updateMany({ where, data: { logoutState: 'none' } });
    return;
  }
  try {
    // The library's own method signs and posts it, through our one door out (configuration: fetch).
    await (client as unknown as { backchannelLogout(sub: string, sid: string | null): Promise<void> }).backchannelLogout(notice.userId, notice.sid);
  } catch (error) {
    await context.db.sessionParticipant.updateMany({ where, data: { logoutAttempts: { increment: 1 }, logoutError: reasonOf(error) } });
    throw error;
  }
  await context.db.sessionParticipant.updateMany({
    where, data: { logoutState: 'delivered', logoutAttempts: { increment: 1 }, logoutDeliveredAt: context.now(), logoutError: null } });
}

async function giveUp(context: InstanceContext, { participantId, applicationId, sessionId }: LogoutNotice, error: unknown): Promise<void> {
  await context.transaction(async (tx) => {
    const { count } = await tx.db.sessionParticipant.updateMany({ where: { id: participantId, logoutState: 'pending' }, data: { logoutState: 'failed', logoutError: reasonOf(error) } });
    const isGone = count === 0 && await tx.db.sessionParticipant.count({ where: { id: participantId } }) === 0;
    if (count === 1 || isGone) await append(tx, logoutNoticeFailed(participantId, { applicationId, sessionId, error: reasonOf(error) }));
  });
}

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : 'unknown').slice(0, 300);
