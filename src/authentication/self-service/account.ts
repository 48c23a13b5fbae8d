/**
 * The account page of a person: who is signed in here, and whether the forms that come back were drawn for them. The
 * pages (pages/account) draw; every rule is in this folder. It is no API: it reads our cookies, and answers navigations.
 */
import { findUserById, type User } from '../../directory/index.ts';
import { type InstanceContext, withPrincipal } from '../../tenancy/index.ts';
import type { BrowserTokens } from '../cookies.ts';
import { findBrowser } from '../browsers.ts';
import { findLiveSession } from '../live-sessions.ts';
import { meetsInstance } from '../second-factor/sessions.ts';
import type { SessionView } from '../types.ts';

export interface Account {
  /** Acts as the person: events say so. */
  readonly context: InstanceContext;
  readonly user: User;
  readonly session: SessionView;
  readonly browserId: string;
  /** Goes back with every form. */
  readonly formToken: string;
}

/** Undefined: nobody is signed in here, or not as far as this instance asks. A sign-in under way is nobody. */
export async function openAccount(context: InstanceContext, tokens: BrowserTokens): Promise<Account | undefined> {
  const [session, browser] = await Promise.all([findLiveSession(context, tokens.sessionToken), findBrowser(context, tokens.browserToken)]);
  // Both cookies, of one browser: a session token that was carried elsewhere opens nothing here.
  if (!session || !browser || session.browserId !== browser.id || !session.proofs.some(({ use }) => use === 'sign_in')) return undefined;
  const user = await findUserById(context, session.userId);
  if (!user || !await meetsInstance(context, session)) return undefined;
  return {
    context: withPrincipal(context, { kind: 'user', id: user.id, sessionId: session.id, scopes: [], permissions: [] }),
    user, session, browserId: browser.id, formToken: tokenOf(context, session.id, browser.id) };
}

export const isAccountForm = ({ context, session, browserId }: Account, formToken: string): boolean =>
  context.core.keyring.verifyHmac(purpose, value(context, session.id, browserId), formToken);

const purpose = 'account-form';
const value = (context: InstanceContext, sessionId: string, browserId: string) => [context.instance.id, sessionId, browserId].join('\n');
const tokenOf = (context: InstanceContext, sessionId: string, browserId: string) => context.core.keyring.hmac(purpose, value(context, sessionId, browserId));
