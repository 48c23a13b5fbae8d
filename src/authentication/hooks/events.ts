/** What happens to flow webhooks, in the words of the log; never a secret. */
import type { NewEvent } from '../../events/index.ts';
import { omit } from '../../core/omit.ts';
import { type Hook, viewHook } from './hook.ts';

const ofHook = (type: string, id: string, { before, after }: { before?: Hook; after?: Hook }): NewEvent => ({
  type, subject: { type: 'flow_hook', id }, ...(before && { before: omit(viewHook(before), 'dropped') }), ...(after && { after: omit(viewHook(after), 'dropped') }) });

export const hookCreated = (after: Hook) => ofHook('flow_hook.created', after.id, { after });
export const hookUpdated = (before: Hook, after: Hook) => ofHook('flow_hook.updated', after.id, { before, after });
export const hookSecretRotated = (before: Hook, after: Hook) => ofHook('flow_hook.secret_rotated', after.id, { before, after });
export const hookDeleted = (before: Hook) => ofHook('flow_hook.deleted', before.id, { before });
export const hookTested = (hook: Hook, status: string): NewEvent => ({ type: 'flow_hook.tested', subject: { type: 'flow_hook', id: hook.id }, after: { status } });
