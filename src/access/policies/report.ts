/** What policies that only report would have done: into the log, in samples, so that no sign-in waits and nobody can flood it. */
import { LRUCache } from 'lru-cache';
import { perCore } from '../../core/core.ts';
import { append } from '../../events/index.ts';
import { createContext, type InstanceContext } from '../../tenancy/index.ts';
import type { AccessDecision } from './evaluate.ts';
import { policyReported } from './events.ts';
import type { AccessFacts } from './variables.ts';

/** One event for each policy and minute from each server; it says how often. */
const pauseMs = 60_000;

interface Tally { times: number; nextAt: number }

/** Bounded: of more policies than this some write a little more often. */
const talliesOf = perCore(() => new LRUCache<string, Tally>({ max: 10_000 }));

/** Notes it and returns at once; that it cannot be written stops nobody. For decisions that are acted on. */
export function reportAccess(context: InstanceContext, decision: AccessDecision, { userId, application }: Pick<AccessFacts, 'userId' | 'application'>): void {
  const tallies = talliesOf(context.core);
  for (const { policy, effect } of decision.reported) {
    const key = `${context.instance.id}\0${policy.id}`;
    const tally = tallies.get(key) ?? { times: 0, nextAt: 0 };
    tallies.set(key, tally);
    tally.times += 1;
    const now = context.now().getTime();
    if (now < tally.nextAt) continue;
    const event = policyReported(policy.id, { would: effect, decided: decision.decision, userId, applicationId: application.id, times: tally.times });
    tally.times = 0;
    tally.nextAt = now + pauseMs;
    // A context of its own: the caller's may be a transaction, which must neither wait nor take this along.
    const own = createContext(context.core, context.instance, { principal: context.principal, requestId: context.requestId, address: context.address, userAgent: context.userAgent });
    own.transaction((tx) => append(tx, event)).catch((error: unknown) => context.core.log.warn({ err: error, instanceId: context.instance.id, policyId: policy.id }, 'What a policy would have done could not be written'));
  }
}
