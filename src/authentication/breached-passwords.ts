/**
 * Asks a list of leaked passwords by the first five digits of the SHA-1 (the range protocol of Have I Been Pwned): the
 * service learns one of about a million buckets, never the password. Off unless an instance names a service; when that
 * does not answer the password is accepted, for nobody could change theirs otherwise.
 */
import { createHash } from 'node:crypto';
import type { InstanceContext } from '../tenancy/index.ts';

export type BreachAnswer = 'listed' | 'not listed' | 'unavailable';

/** SHA-1 as the protocol has it; nothing is protected by it. */
export async function isBreached(context: InstanceContext, password: string): Promise<BreachAnswer> {
  const { breachedListUrl } = context.instance.settings.password;
  if (breachedListUrl === null) return 'not listed';
  const digest = createHash('sha1').update(password).digest('hex').toUpperCase();
  try {
    const answer = await context.core.outbound.fetch(`${breachedListUrl.replace(/\/$/, '')}/${digest.slice(0, 5)}`, {
      purpose: 'breached-passwords', headers: { 'add-padding': 'true' }, timeoutMs: 2_000, maxBytes: 256 * 1_024 });
    if (answer.status !== 200) return 'unavailable';
    // Padded answers carry made-up suffixes that were seen 0 times.
    const listed = answer.text().split(/\r?\n/).some((line) => {
      const [suffix, count] = line.trim().split(':');
      return suffix?.toUpperCase() === digest.slice(5) && Number(count) > 0;
    });
    return listed ? 'listed' : 'not listed';
  } catch (error) {
    context.core.log.warn({ err: error, instanceId: context.instance.id }, 'The list of breached passwords does not answer');
    return 'unavailable';
  }
}
