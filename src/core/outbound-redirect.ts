import { OutboundFailed } from './outbound-errors.ts';

/** One request of a chain of redirects. */
export interface Hop {
  readonly url: URL;
  readonly method: string;
  readonly headers: Headers;
  readonly body: string | Uint8Array | undefined;
}

/** The only headers that go along to another origin: any other may be a credential. */
const harmlessHeaders = new Set(['accept', 'accept-language', 'content-type', 'user-agent']);

export function isRedirect(status: number): boolean {
  return [301, 302, 303, 307, 308].includes(status);
}

/**
 * The request that follows a redirect (RFC 9110 §15.4). Throws when it leads down from https, or
 * would carry a body, which may hold a secret, to another origin. The caller checks the new address.
 */
export function followRedirect(hop: Hop, status: number, location: string | null): Hop {
  const url = location === null ? null : URL.parse(location, hop.url);
  const refused = () => new OutboundFailed('redirect', hop.url.hostname);
  if (url === null || (hop.url.protocol === 'https:' && url.protocol !== 'https:')) throw refused();
  const becomesGet = (status === 303 && hop.method !== 'HEAD') || ((status === 301 || status === 302) && hop.method === 'POST');
  const body = becomesGet ? undefined : hop.body;
  const staysHome = url.origin === hop.url.origin;
  if (!staysHome && body !== undefined) throw refused();
  const headers = new Headers([...hop.headers].filter(([name]) =>
    (staysHome || harmlessHeaders.has(name)) && !(becomesGet && name.startsWith('content-'))));
  return { url, method: becomesGet ? 'GET' : hop.method, headers, body };
}
