/** The two servers as the load sees them, and raw requests to them. */
import { createBrowser } from '../test/support/browser.ts';
import type { Child } from './children.ts';
import { paths, pkce, redirectUri, userNames, userPassword, web } from './fixtures.ts';

export interface Target {
  readonly name: string;
  readonly port: number;
  /** The path of the issuer. */
  readonly base: string;
  readonly child: Child;
  /** A Cookie header for each connection, of a browser that has signed in. */
  sessions: readonly string[];
  /** Where a CPU profile of each round goes. */
  readonly profileFolder: string | undefined;
}

type Client = { readonly id: string; readonly secret: string };

const headersOf = (target: Target, client: Client) =>
  `Host: 127.0.0.1:${target.port}\r\nAuthorization: Basic ${Buffer.from(`${client.id}:${client.secret}`).toString('base64')}\r\nContent-Type: application/x-www-form-urlencoded\r\n`;

/** A form post by a client, with its secret in the Authorization header. */
export function formPost(target: Target, path: string, client: Client, parameters: Record<string, string>, base = target.base): string {
  const body = new URLSearchParams(parameters).toString();
  return `POST ${base}${path} HTTP/1.1\r\n${headersOf(target, client)}Content-Length: ${body.length}\r\n\r\n${body}`;
}

/** What the generator needs to make a refresh request of a token. */
export const refreshTemplate = (target: Target) => ({ path: `${target.base}${paths.token}`, headers: headersOf(target, web) });

/** A request of the web application with the scope `openid`. */
export const authorizePath = (target: Pick<Target, 'base'>) => `${target.base}${paths.authorize}?${new URLSearchParams({
  client_id: web.id, response_type: 'code', redirect_uri: redirectUri, scope: 'openid', state: 'a-state',
  code_challenge: pkce.challenge, code_challenge_method: 'S256',
}).toString()}`;

export const authorizeRequests = (target: Target): string[] =>
  target.sessions.map((cookie) => `GET ${authorizePath(target)} HTTP/1.1\r\nHost: 127.0.0.1:${target.port}\r\nAccept: text/html\r\nCookie: ${cookie}\r\n\r\n`);

export const codeExchange = (target: Target, code: string): string =>
  formPost(target, paths.token, web, { grant_type: 'authorization_code', code, redirect_uri: redirectUri, code_verifier: pkce.verifier });

/** Signs every user in at a browser of their own, on the server's pages where it has any. */
export async function signEverybodyIn(target: Target): Promise<void> {
  const origin = `http://127.0.0.1:${target.port}`;
  const sessions: string[] = [];
  for (const identifier of userNames) {
    const browser = createBrowser(origin);
    let page = await browser.open(origin + authorizePath(target));
    for (const fields of [{ identifier }, { password: userPassword }]) {
      if (page.text.includes(`name="${Object.keys(fields)[0] ?? ''}"`)) page = await browser.submit(page, fields);
    }
    if (!page.url.startsWith(`${redirectUri}?code=`)) throw new Error(`${target.name}: no code came back, but ${page.url} ${page.status} ${page.text.slice(0, 2_000)}`);
    const cookies = [...browser.cookies].filter(([, { path }]) => path === '/').map(([name, { value }]) => `${name}=${value}`);
    sessions.push(cookies.join('; '));
  }
  target.sessions = sessions;
}
