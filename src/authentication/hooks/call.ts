/** One call of one hook: limited, signed, timed, read, and written down without what was in it. Never inside a transaction. */
import { createHmac } from 'node:crypto';
import { Problem } from '../../core/errors.ts';
import { newId } from '../../core/ids.ts';
import { countUse, type InstanceContext, takeWebhookCall } from '../../tenancy/index.ts';
import { type HookAnswer, readAnswer } from './answer.ts';
import type { Hook, Trigger } from './hook.ts';
import { secretsOf } from './hooks.ts';

export interface Call { readonly trigger: Trigger; readonly flowId?: string | undefined; readonly userId?: string | undefined; readonly payload: object }

export type CallResult = {
  readonly id: string;
  readonly httpStatus: number | undefined;
  readonly milliseconds: number;
} & ({ readonly status: 'answered'; readonly answer: HookAnswer } | { readonly status: 'failed' | 'dropped'; readonly detail: string });

const mostAnswerBytes = 65_536;

/** `counted: false` for tests, which have a limit of their own. */
export async function callHook(context: InstanceContext, hook: Hook, call: Call, { counted = true }: { counted?: boolean } = {}): Promise<CallResult> {
  const now = context.now();
  const id = newId('call', now.getTime());
  const result = counted && !await mayCall(context, hook)
    ? { id, status: 'dropped' as const, httpStatus: undefined, milliseconds: 0, detail: `more than ${hook.callsPerMinute} calls a minute, or more than the plan allows` }
    : await send(context, hook, call, id);
  await context.db.flowHookCall.create({ data: {
    id, hookId: hook.id, trigger: call.trigger, flowId: call.flowId ?? null, userId: call.userId ?? null, status: result.status, createdAt: now,
    action: result.status === 'answered' ? result.answer.action : null, httpStatus: result.httpStatus ?? null, milliseconds: result.milliseconds,
    detail: result.status === 'answered' ? null : result.detail,
  } }).catch((error: unknown) => { context.core.log.warn({ err: error, instanceId: context.instance.id, hookId: hook.id }, 'A call of a flow webhook could not be written down'); });
  return result;
}

/** The hook's own rate, then the plan's. What is dropped is counted where administrators see it. */
async function mayCall(context: InstanceContext, hook: Hook): Promise<boolean> {
  const rate = await context.core.rateLimiter.take(`flow-hook:${context.instance.id}:${hook.id}`, { ratePerSecond: hook.callsPerMinute / 60, burst: hook.callsPerMinute });
  if (rate.allowed && await takeWebhookCall(context, hook.id)) return true;
  if (!rate.allowed) await countUse(context, 'webhookCallsDropped');
  await context.db.$executeRaw`UPDATE "FlowHook" SET "dropped" = "dropped" + 1 WHERE "instanceId" = ${context.instance.id} AND "id" = ${hook.id}`;
  return false;
}

async function send(context: InstanceContext, hook: Hook, { trigger, payload }: Call, id: string): Promise<CallResult> {
  const body = JSON.stringify({ id, trigger, instanceId: context.instance.id, issuer: context.instance.issuer, sentAt: context.now().toISOString(), ...payload });
  const begun = performance.now();
  const took = () => Math.round(performance.now() - begun);
  try {
    const answer = await context.core.outbound.fetch(hook.url, {
      method: 'POST', body, timeoutMs: hook.timeoutMs, maxBytes: mostAnswerBytes, purpose: 'flow-hook',
      headers: { 'content-type': 'application/json', 'x-postern-delivery': id, 'x-postern-signature': signCall(secretsOf(context, hook), Math.floor(context.now().getTime() / 1_000), body) },
    });
    const base = { id, httpStatus: answer.status, milliseconds: took() };
    if (answer.status === 204) return { ...base, status: 'answered', answer: { action: 'continue' } };
    if (answer.status !== 200) return { ...base, status: 'failed', detail: `answered with status ${answer.status}; 200 or 204 was expected` };
    const read = readAnswer(trigger, answer.json());
    return typeof read === 'string' ? { ...base, status: 'failed', detail: read } : { ...base, status: 'answered', answer: read };
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return { id, httpStatus: undefined, milliseconds: took(), status: 'failed', detail: `${error.code}: ${error.detail}`.slice(0, 300) };
  }
}

/** `t={seconds},v1={hex HMAC-SHA256 of "{t}.{body}"}`, with one v1 for each secret that is good now. */
export const signCall = (secrets: readonly string[], seconds: number, body: string): string =>
  [`t=${seconds}`, ...secrets.map((secret) => `v1=${createHmac('sha256', secret).update(`${seconds}.${body}`).digest('hex')}`)].join(',');
