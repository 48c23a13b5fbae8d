/** A flow webhook as rows, and as the REST API and the log show it. */
import type { FlowHook as Row } from '../../generated/prisma/client.ts';
import { omit } from '../../core/omit.ts';

/**
 * before: asked, and the flow waits for the answer. after: told, by a job, as often as it takes. token.issue: asked each
 * time that somebody's access token is made.
 */
export const triggers = ['registration.before', 'registration.after', 'sign_in.before', 'sign_in.after', 'profile.before', 'profile.after', 'token.issue'] as const;
export type Trigger = (typeof triggers)[number];
export type AskingTrigger = Exclude<Trigger, `${string}.after`>;
export type TellingTrigger = Extract<Trigger, `${string}.after`>;

export interface Hook extends Omit<Row, 'instanceId' | 'triggers' | 'onFailure'> {
  readonly triggers: readonly Trigger[];
  readonly onFailure: 'continue' | 'deny';
}

export const fromRow = (row: Row): Hook => ({ ...omit(row, 'instanceId'), triggers: row.triggers as Trigger[], onFailure: row.onFailure as Hook['onFailure'] });

/** Without secrets. */
export function viewHook(hook: Hook) {
  return {
    ...omit(hook, 'sealedSecret', 'sealedPreviousSecret', 'previousUntil', 'version'), triggers: [...hook.triggers], dropped: Number(hook.dropped),
    previousSecretUntil: hook.sealedPreviousSecret === null ? null : hook.previousUntil?.toISOString() ?? null,
    createdAt: hook.createdAt.toISOString(), updatedAt: hook.updatedAt.toISOString(),
  };
}
