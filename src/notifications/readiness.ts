import type { Core } from '../core/core.ts';
import { forEachInstance } from '../tenancy/index.ts';
import { hasGateway } from './gateways.ts';
import { type Channel, channels } from './template-list.ts';

const means: Record<Channel, string> = { email: 'no mail server: codes, links and security notices by mail', sms: 'no SMS service: codes by text message' };

/** Says at the start of a server that people reach from elsewhere which of its messages stay in the outbox. */
export async function warnAboutOutboxes(core: Core): Promise<void> {
  if (['localhost', '127.0.0.1', '[::1]'].includes(new URL(core.config.publicUrl).hostname)) return;
  await forEachInstance(core, async (context) => {
    for (const channel of channels) {
      if (!await hasGateway(context, channel)) core.log.warn({ instanceId: context.instance.id, channel }, `The instance has ${means[channel]} stay in its outbox and reach nobody. Add one with POST ${context.instance.issuer}/api/v1/notification-gateways`);
    }
  });
}
