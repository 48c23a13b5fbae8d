import { tooManyRequests } from '../../core/errors.ts';
import { append } from '../../events/index.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import { callHook } from './call.ts';
import { hookTested } from './events.ts';
import type { Trigger } from './hook.ts';
import { readHook } from './hooks.ts';
import { requestPart } from './payload.ts';

const perMinute = 10;

/** Calls a hook with an example; the body says so (`"test": true`). @throws Problem 404, 429 */
export async function testHook(context: InstanceContext, id: string, wanted: Trigger | undefined) {
  const hook = await readHook(context, id);
  const decision = await context.core.rateLimiter.take(`flow-hook-test:${context.instance.id}`, { ratePerSecond: perMinute / 60, burst: perMinute });
  if (!decision.allowed) throw tooManyRequests(`At most ${perMinute} tests a minute.`, { 'retry-after': String(decision.retryAfterSeconds) });
  const trigger = wanted ?? hook.triggers[0] ?? 'sign_in.before';
  const result = await callHook(context, hook, { trigger, payload: { ...example, request: requestPart(context) } }, { counted: false });
  await context.transaction((tx) => append(tx, hookTested(hook, result.status)));
  return {
    id: result.id, trigger, flowId: null, userId: null, status: result.status, action: result.status === 'answered' ? result.answer.action : null,
    httpStatus: result.httpStatus ?? null, milliseconds: result.milliseconds, detail: result.status === 'answered' ? null : result.detail, createdAt: context.now().toISOString(),
  };
}

const example = {
  test: true,
  flow: { id: 'flow_00000000000000000000000000', purpose: 'sign_in', channel: 'browser', methods: ['password'] },
  application: { id: 'app_00000000000000000000000000', name: 'Example' },
  user: { id: 'user_00000000000000000000000000', username: 'example', displayName: 'Example', email: 'example@example.com', emailVerified: true, phone: null, phoneVerified: false, locale: null, status: 'enabled', createdAt: '2026-01-01T00:00:00.000Z' },
  risk: { score: 0, reasons: [] },
};
