/** The page that a mailed link opens (factors/magic-link.ts). */
import type { InstanceContext } from '../tenancy/index.ts';
import { findByLink, pairChallenge } from './challenges.ts';
import type { BrowserTokens } from './cookies.ts';
import { loadFlowView } from './flow/view.ts';
import type { FlowView } from './types.ts';

export type OpenedLink =
  /** The browser that asked for it: its sign-in goes on by posting `do` = `magic_link.verify` with the token. */
  | { readonly kind: 'here'; readonly view: FlowView }
  /** Another one: a button shows the code for the page that waits. */
  | { readonly kind: 'elsewhere' };

/** What a link leads to. Undefined: used, replaced or too old. Changes nothing: mail scanners open links too. */
export async function openMagicLink(context: InstanceContext, token: string, tokens: BrowserTokens): Promise<OpenedLink | undefined> {
  const found = await findLink(context, token);
  if (!found) return undefined;
  const loaded = await loadFlowView(context, found.flowId, tokens);
  if (loaded.kind === 'elsewhere') return { kind: 'elsewhere' };
  const { view } = loaded;
  return view.status === 'active' && view.step?.name === 'first_factor' ? { kind: 'here', view } : undefined;
}

/** The code to be typed where the sign-in was begun; an earlier one stops. Undefined: used, replaced or too old. */
export async function showLinkCode(context: InstanceContext, token: string): Promise<string | undefined> {
  const found = await findLink(context, token);
  return found && pairChallenge(context, found.id);
}

/** A link is sent before it is known who it is, or, where the person is known already, to be shown again. */
const findLink = async (context: InstanceContext, token: string) =>
  await findByLink(context, 'first_factor', 'magic_link', token) ?? findByLink(context, 'second_factor', 'magic_link', token);
