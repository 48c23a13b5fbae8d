import { lookup } from 'node:dns/promises';
import type { LookupFunction } from 'node:net';
import { Agent, fetch as undiciFetch } from 'undici';
import { canonicalHost, canonicalUrlHost, isGlobalUnicast, isLocalhostName, parseAddress, parseAllowance } from './addresses.ts';
import { OutboundBlocked, OutboundFailed, systemCodeOf } from './outbound-errors.ts';
import { followRedirect, isRedirect } from './outbound-redirect.ts';
import type { Hop } from './outbound-redirect.ts';

export { OutboundBlocked, OutboundFailed } from './outbound-errors.ts';
export type { OutboundFailure } from './outbound-errors.ts';

export interface CheckedAddress { readonly address: string; readonly family: 4 | 6 }

export interface OutboundRequest {
  method?: string;
  headers?: Record<string, string>;
  body?: string | Uint8Array;
  /** For the whole call: resolving, connecting, all redirects, the last byte of the answer. 5,000. */
  timeoutMs?: number;
  /** Of the answer's body, counted after decompression. 1 MiB. */
  maxBytes?: number;
  /** Redirects to follow, each checked like the first address. 0: the 3xx answer is returned. */
  followRedirects?: number;
  signal?: AbortSignal;
  /** For the metrics: one of a few words. `other`. */
  purpose?: string;
}

export interface OutboundAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Buffer;
  /** After redirects. */
  readonly url: string;
  /** Throws `OutboundFailed` when the body is no JSON. */
  json(): unknown;
  text(): string;
}

/** The one door out: every address the server calls because somebody configured or sent it passes here. */
export interface Outbound {
  /** Throws `OutboundBlocked` before anything is sent, or `OutboundFailed`; the reason of `signal` when that aborts. */
  fetch(url: string | URL, request?: OutboundRequest): Promise<OutboundAnswer>;
  /**
   * For sources that bring their own protocol (LDAP, SMTP, SQL): resolves and refuses. The caller
   * connects to a returned address, not to the name again, and gives the name to TLS.
   * An entry of OUTBOUND_ALLOW with a port counts only when `port` is given.
   */
  checkAddress(host: string, port?: number): Promise<CheckedAddress[]>;
  /**
   * For libraries that take a `fetch`. Follows redirects only where the call itself says
   * `redirect: 'follow'` (up to three); a `dispatcher` in the options is ignored.
   */
  asFetch(purpose?: string): typeof fetch;
}

export interface OutboundOptions {
  /** OUTBOUND_ALLOW, see `parseAllowance`. */
  allow: readonly string[];
  /** Resolves a name to all its addresses; the system's resolver unless given. */
  resolve?: (host: string) => Promise<readonly { address: string; family: number }[]>;
  /** Called after each call that was to be made. */
  onCall?: (purpose: string, outcome: CallOutcome, seconds: number) => void;
}

/** `error`: answered with a status of 400 or above; `blocked`: not called, as the address is none we may call. */
export type CallOutcome = 'ok' | 'error' | 'blocked' | 'timeout' | 'failed';

const defaultTimeoutMs = 5_000;
const defaultMaxBytes = 1024 * 1024;

/** Throws when OUTBOUND_ALLOW cannot be read. Proxies from the environment are never used. */
export function createOutbound(options: OutboundOptions): Outbound {
  const allowance = parseAllowance(options.allow);
  const resolve = options.resolve ?? ((host) => lookup(host, { all: true, order: 'verbatim' }));

  async function checkHost(
    host: ReturnType<typeof canonicalHost>, port: number | undefined, signal: AbortSignal,
  ): Promise<CheckedAddress[]> {
    if (host === undefined || host.name === '') throw new OutboundBlocked('The target is not a host name or address.');
    const { name } = host;
    const blocked = () => new OutboundBlocked(`${name} is not a public address. The operator can open it with OUTBOUND_ALLOW.`);
    if (isLocalhostName(name) && !allowance.lists(name, port)) throw blocked();
    const answers = host.address === undefined
      ? (await unlessAborted(resolveOrFail(name), signal)).map(({ address }) => parseAddress(address))
      : [host.address];
    // One bad answer blocks all: a name with a public and a private address is how rebinding begins.
    return answers.map((address) => {
      if (address === undefined || !(isGlobalUnicast(address) || allowance.permits(address, name, port))) throw blocked();
      return { address: address.toString(), family: address.kind() === 'ipv4' ? 4 : 6 };
    });
  }

  async function resolveOrFail(name: string): Promise<readonly { address: string }[]> {
    let answers: readonly { address: string }[];
    try {
      answers = await resolve(name);
    } catch (error) {
      throw new OutboundFailed('name', name, systemCodeOf(error));
    }
    if (answers.length === 0) throw new OutboundFailed('name', name);
    return answers;
  }

  async function fetchHop(hop: Hop, maxBytes: number, redirectsLeft: number, signal: AbortSignal): Promise<OutboundAnswer | Hop> {
    const addresses = await checkHost(canonicalUrlHost(hop.url), portOf(hop.url), signal);
    const agent = pinnedAgent(addresses);
    try {
      const response = await undiciFetch(hop.url, {
        method: hop.method, headers: [...hop.headers], body: hop.body ?? null,
        redirect: 'manual', dispatcher: agent, signal,
      });
      if (redirectsLeft > 0 && isRedirect(response.status)) {
        return followRedirect(hop, response.status, response.headers.get('location'));
      }
      const body = await readAtMost(response.body, maxBytes, hop.url.hostname);
      return answer(hop.url, response.status, new Headers([...response.headers]), body);
    } finally {
      await agent.destroy();                          // also cuts an answer that was not read to its end
    }
  }

  async function guardedFetch(target: string | URL, request: OutboundRequest = {}): Promise<OutboundAnswer> {
    const deadline = AbortSignal.timeout(request.timeoutMs ?? defaultTimeoutMs);
    const signal = request.signal === undefined ? deadline : AbortSignal.any([deadline, request.signal]);
    const maxBytes = request.maxBytes ?? defaultMaxBytes;
    let hop = firstHop(checkUrl(target), request);
    try {
      for (let redirectsLeft = request.followRedirects ?? 0; ; redirectsLeft -= 1) {
        const result = await fetchHop(hop, maxBytes, redirectsLeft, signal);
        if ('status' in result) {
          if (request.followRedirects && isRedirect(result.status)) throw new OutboundFailed('redirect', hop.url.hostname);
          return result;
        }
        hop = { ...result, url: checkUrl(result.url) };
      }
    } catch (error) {
      if (error instanceof OutboundBlocked || error instanceof OutboundFailed) throw error;
      if (request.signal?.aborted) throw request.signal.reason;
      if (deadline.aborted) throw new OutboundFailed('timeout', hop.url.hostname);
      throw new OutboundFailed('connection', hop.url.hostname, systemCodeOf(error));
    }
  }

  async function observedFetch(target: string | URL, request: OutboundRequest = {}): Promise<OutboundAnswer> {
    const begun = performance.now();
    const tell = (outcome: CallOutcome) => options.onCall?.(request.purpose ?? 'other', outcome, (performance.now() - begun) / 1_000);
    try {
      const result = await guardedFetch(target, request);
      tell(result.status < 400 ? 'ok' : 'error');
      return result;
    } catch (error) {
      tell(error instanceof OutboundBlocked ? 'blocked' : error instanceof OutboundFailed && error.failure === 'timeout' ? 'timeout' : 'failed');
      throw error;
    }
  }

  return {
    fetch: observedFetch,
    async checkAddress(host, port) {
      const deadline = AbortSignal.timeout(defaultTimeoutMs);
      try {
        return await checkHost(canonicalHost(host), port, deadline);
      } catch (error) {
        if (deadline.aborted && error === deadline.reason) throw new OutboundFailed('timeout', host);
        throw error;
      }
    },
    asFetch: (purpose = 'other') => async (input, init) => {
      const url = checkUrl(input instanceof Request ? input.url : input);   // before Request quotes a bad one in its error
      const request = asRequest(input instanceof Request ? input : url, init);
      const result = await observedFetch(url, {
        purpose,
        method: request.method,
        headers: Object.fromEntries(request.headers),
        ...(request.body === null ? {} : { body: new Uint8Array(await request.arrayBuffer()) }),
        followRedirects: init?.redirect === 'follow' ? 3 : 0,
        signal: request.signal,
      });
      if (init?.redirect === 'error' && isRedirect(result.status)) throw new OutboundFailed('redirect', url.hostname);
      return asResponse(result);
    },
  };
}

function firstHop(url: URL, request: OutboundRequest): Hop {
  try {
    const headers = new Headers(request.headers);
    if (!headers.has('user-agent')) headers.set('user-agent', 'Postern');
    return { url, method: (request.method ?? 'GET').toUpperCase(), headers, body: request.body };
  } catch {
    throw new OutboundFailed('request', url.hostname);     // the error would quote the header's value
  }
}

/** http and https only; no name and password in the address, where they would end up in logs (RFC 9110 §4.2.4). */
function checkUrl(target: string | URL): URL {
  const url = URL.parse(String(target));
  if (url === null || !['http:', 'https:'].includes(url.protocol)) {
    throw new OutboundBlocked('The target must be an absolute http or https URL.');
  }
  if (url.username !== '' || url.password !== '') {
    throw new OutboundBlocked('The target must not carry a name or password before the host.');
  }
  return url;
}

function portOf(url: URL): number {
  if (url.port !== '') return Number(url.port);
  return url.protocol === 'https:' ? 443 : 80;
}

/**
 * A client for one call that connects to the checked addresses whatever the name resolves to by now,
 * while TLS still verifies the name. It is not kept: a pooled connection would outlive the check.
 */
function pinnedAgent(addresses: CheckedAddress[]): Agent {
  const pinned: LookupFunction = (_host, options, callback) => {
    const [first] = addresses;
    if (options.all) callback(null, addresses.map((checked) => ({ ...checked })));
    else callback(null, first?.address ?? '', first?.family);
  };
  return new Agent({ allowH2: false, connect: { lookup: pinned, rejectUnauthorized: true, timeout: defaultTimeoutMs } });
}

async function readAtMost(body: AsyncIterable<Uint8Array> | null, maxBytes: number, host: string): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body ?? []) {
    size += chunk.length;
    if (size > maxBytes) throw new OutboundFailed('too large', host);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Resolvers cannot be aborted; the caller stops waiting. */
async function unlessAborted<Result>(work: Promise<Result>, signal: AbortSignal): Promise<Result> {
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const abort = () => { aborted.reject(signal.reason); };
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

function answer(url: URL, status: number, headers: Headers, body: Buffer): OutboundAnswer {
  return {
    status, headers, body, url: url.href,
    text: () => body.toString('utf8'),
    json() {
      try {
        return JSON.parse(body.toString('utf8')) as unknown;
      } catch {
        // The parser's message quotes the text, which may be a token.
        throw new OutboundFailed('malformed', url.hostname);
      }
    },
  };
}

function asRequest(input: Request | URL, init: RequestInit | undefined): Request {
  try {
    return new Request(input, init);
  } catch {
    throw new OutboundFailed('request', new URL(input instanceof Request ? input.url : input).hostname);
  }
}

function asResponse(result: OutboundAnswer): Response {
  const hasNoBody = [204, 205, 304].includes(result.status);      // Fetch §2.2.3: null body status
  const response = new Response(hasNoBody ? null : new Uint8Array(result.body), { status: result.status, headers: result.headers });
  return Object.defineProperty(response, 'url', { value: result.url });
}
