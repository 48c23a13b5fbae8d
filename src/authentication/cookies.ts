/** The two cookies of a browser, per instance: who it is (signs in nobody), and the session's token. */
import { cookieName, readCookie, writeCookie } from '../core/http/cookies.ts';
import type { InstanceContext } from '../tenancy/index.ts';
import { browserTokenSeconds } from './proof-kinds.ts';

const isSecure = (context: InstanceContext) => context.instance.issuer.startsWith('https:');

export const sessionCookieName = (context: InstanceContext) => cookieName('session', context.instance.id, isSecure(context));
export const browserCookieName = (context: InstanceContext) => cookieName('browser', context.instance.id, isSecure(context));

export interface BrowserTokens {
  readonly browserToken: string | undefined;
  readonly sessionToken: string | undefined;
}

/** Reads both. A name that comes twice is a sign of planting: it counts as absent, and `clear` removes it. */
export function readBrowserCookies(context: InstanceContext, header: string | undefined): BrowserTokens & { clear: string[] } {
  const browser = readCookie(header, browserCookieName(context));
  const session = readCookie(header, sessionCookieName(context));
  return {
    browserToken: browser.kind === 'value' ? browser.value : undefined,
    sessionToken: session.kind === 'value' ? session.value : undefined,
    clear: [
      ...(browser.kind === 'duplicate' ? [writeCookie(browserCookieName(context), '', { secure: isSecure(context), maxAge: 0 })] : []),
      ...(session.kind === 'duplicate' ? [clearSessionCookie(context)] : []),
    ],
  };
}

export const browserCookie = (context: InstanceContext, token: string) =>
  writeCookie(browserCookieName(context), token, { secure: isSecure(context), maxAge: browserTokenSeconds });

/** Without "keep me signed in" it ends with the browser. */
export const sessionCookie = (context: InstanceContext, token: string, remember: boolean) =>
  writeCookie(sessionCookieName(context), token, {
    secure: isSecure(context), ...(remember && { maxAge: context.instance.settings.session.rememberSeconds }) });

export const clearSessionCookie = (context: InstanceContext) =>
  writeCookie(sessionCookieName(context), '', { secure: isSecure(context), maxAge: 0 });
