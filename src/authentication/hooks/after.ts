/** The triggers `…after`: read from the event log, one job for each hook and event, tried again until the hook takes it. */
import type { Core } from '../../core/core.ts';
import type { StoredEvent } from '../../events/index.ts';
import { findUserById } from '../../directory/index.ts';
import { instanceContext, type InstanceContext } from '../../tenancy/index.ts';
import { callHook } from './call.ts';
import type { TellingTrigger } from './hook.ts';
import { hooksAt, readHook } from './hooks.ts';
import { userPart } from './payload.ts';

export const tellJob = 'authentication.tell-hook';

/** Changes of people that a receiver of profiles wants to hear of. */
const profileEvents = new Set(['user.updated', 'user.email_changed', 'user.phone_changed']);

function triggerOf({ type, actor, after }: StoredEvent): TellingTrigger | undefined {
  if (type === 'session.created') return 'sign_in.after';
  if (profileEvents.has(type)) return 'profile.after';
  // Made by nobody who was signed in: by themselves.
  const byThemselves = (actor as { kind?: string } | null)?.kind === 'anonymous';
  return type === 'user.created' && byThemselves && after !== null ? 'registration.after' : undefined;
}

/** Enqueues what an event is told to, in the transaction that moves the reader. */
export async function enqueueTelling(tx: InstanceContext, event: StoredEvent): Promise<void> {
  const trigger = triggerOf(event);
  if (trigger === undefined) return;
  const { userId = event.subjectId } = (event.after ?? {}) as { userId?: string };
  for (const hook of await hooksAt(tx, trigger)) {
    await tx.core.jobs.enqueue(tx.db, tellJob, { instanceId: tx.instance.id, hookId: hook.id, trigger, eventId: event.id, eventType: event.type, occurredAt: event.occurredAt.toISOString(), userId });
  }
}

/** @throws when it is to be tried again */
export async function tellHook(core: Core, job: { readonly instanceId: string; readonly [name: string]: unknown }): Promise<void> {
  const context = await instanceContext(core, job.instanceId);
  const hook = context && await readHook(context, String(job['hookId'])).catch(() => undefined);
  if (!context || !hook?.enabled) return;
  const userId = String(job['userId']);
  const user = await findUserById(context, userId);
  const result = await callHook(context, hook, {
    trigger: job['trigger'] as TellingTrigger, userId,
    payload: { event: { id: job['eventId'], type: job['eventType'], occurredAt: job['occurredAt'] }, user: user ? userPart(user) : null },
  });
  if (result.status === 'failed') throw new Error(`A flow webhook did not take an event: ${result.id}`); // dropped is dropped
}
