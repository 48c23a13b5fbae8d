/** Accounts elsewhere that a person signs in with. They belong to a later folder (federation), which registers itself. */
import { type Core, perCore } from '../../core/core.ts';
import { Problem } from '../../core/errors.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import type { BrowserTokens } from '../cookies.ts';
import { isFreshSession } from '../second-factor/sessions.ts';
import type { Account } from './account.ts';
import type { Changed } from './security.ts';

export interface LinkedAccount {
  /** Of the source. */
  readonly id: string;
  readonly sourceName: string;
  readonly displayName: string | null;
  /** Null: not connected; it can be. */
  readonly connectedAt: string | null;
}

export interface LinkedAccounts {
  /** Those that are connected, and those that could be. */
  list(context: InstanceContext, userId: string): Promise<readonly LinkedAccount[]>;
  /** @throws Problem 404 */
  remove(context: InstanceContext, userId: string, id: string): Promise<void>;
  /** Begins to connect one; returns where the browser goes. Undefined: not possible here. */
  connect?(context: InstanceContext, id: string, tokens: BrowserTokens): Promise<{ url: string; setCookies: readonly string[] } | undefined>;
}

const registeredOf = perCore((): { accounts: LinkedAccounts | undefined } => ({ accounts: undefined }));

/** Call it when the folder that has them is registered. */
export function registerLinkedAccounts(core: Core, accounts: LinkedAccounts): void {
  registeredOf(core).accounts = accounts;
}

export const linkedAccountsOf = async (context: InstanceContext, userId: string): Promise<readonly LinkedAccount[]> =>
  await registeredOf(context.core).accounts?.list(context, userId) ?? [];

export async function unlinkAccount({ context, user, session }: Account, id: string): Promise<Changed> {
  const { accounts } = registeredOf(context.core);
  if (!(await accounts?.list(context, user.id))?.some((account) => account.id === id && account.connectedAt !== null)) return 'gone';
  if (!await isFreshSession(context, session)) return 'step_up_required';
  try {
    await accounts?.remove(context, user.id, id);
    return 'done';
  } catch (error) {
    // Nobody shuts themselves out.
    if (error instanceof Problem && error.status === 409) return 'last_factor';
    throw error;
  }
}

export async function connectAccount({ context, session }: Account, id: string, tokens: BrowserTokens): Promise<{ url: string; setCookies: readonly string[] } | 'step_up_required' | undefined> {
  if (!await isFreshSession(context, session)) return 'step_up_required';
  return registeredOf(context.core).accounts?.connect?.(context, id, tokens);
}
