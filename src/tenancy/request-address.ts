/**
 * The one reading of which instance a request is for. Every instance route is registered once, under `/t/:instance`;
 * hosts of instances are mapped onto it before the router sees the path. A path that two programs could read
 * differently is nobody's (CWE-444, CWE-436): it answers 404.
 */
import type { IncomingMessage } from 'node:http';
import type { Core } from '../core/core.ts';
import { type HostRole, instanceSlug, roleOfHost } from './addresses.ts';
import { hostMap } from './host-map.ts';

/** How a request was addressed: decides together with the path what it may reach. */
export type RequestAddress =
  /** Nobody here: 421 for the host, 404 for the path. */
  | { readonly kind: 'refused'; readonly status: 404 | 421 }
  /** By path on the public host (no `host`), or by a host of its own. */
  | { readonly kind: 'instance'; readonly instanceId: string; readonly host: string | undefined; readonly relyingParty?: true }
  /** The server's own addresses. */
  | { readonly kind: 'server' };

const addresses = new WeakMap<IncomingMessage, RequestAddress>();

/** What `rewriteInstanceHost` read from the request. */
export const addressOf = (request: IncomingMessage): RequestAddress => addresses.get(request) ?? { kind: 'refused', status: 404 };

/** Answered on any host: probes know no host names. */
const onAnyHost = new Set(['/healthz', '/readyz', '/metrics']);

/** Nothing is registered here; what is refused goes to it, so that no handler can run by mistake. */
const nowhere = '/-';

/** The server's own paths that belong to the console's host where there is one. */
const consolePaths = /^\/(console|platform)(\/|$)/;

/** RFC 8414 §3.1 and AuthZEN §9.2.1 put the well-known part before the issuer's path; OpenID Connect Discovery §4 behind it. */
const wellKnownBefore = /^\/\.well-known\/(oauth-authorization-server|openid-configuration|authzen-configuration)\/t\/([^/]*)$/;

/**
 * Encoded slashes, dots and percent signs, encoded letters and digits (RFC 3986 §2.3: never to be made), backslashes,
 * parameters, empty and dot segments, and control characters: no address of ours has them.
 */
const ambiguousPath = /%(?:2[dDeEfF5]|5[cCfF]|3[bB]|3\d|[46][1-9a-fA-F]|[57][\daA]|7[eEfF]|0|1)|%(?![0-9a-fA-F]{2})|[\\;\s]|\/\/|\/\.{1,2}(?:\/|$)|[^\x21-\x7e]/;

/** Fastify's `rewriteUrl`: turns every address of an instance into `/t/{instance}/…` and remembers how it was asked for. */
export function rewriteInstanceHost(core: Core): (request: IncomingMessage) => string {
  const { hosts, relyingParties } = hostMap(core);
  return (request) => {
    const url = request.url ?? '';
    const queryAt = url.indexOf('?');
    const path = queryAt < 0 ? url : url.slice(0, queryAt);
    const query = queryAt < 0 ? '' : url.slice(queryAt);
    const role: HostRole = hasOneHost(request) ? roleOfHost(core.config, hosts, request.headers.host) : { kind: 'unknown' };
    const host = (request.headers.host ?? '').toLowerCase();
    // Browsers ask the host that passkeys are bound to which others may use them (WebAuthn Level 3 §5.11.1): it serves this and nothing else.
    const party = role.kind === 'unknown' && path === '/.well-known/webauthn' && hasOneHost(request) ? relyingParties.get(host) : undefined;
    const { address, path: rewritten } = party === undefined ? read(core, role, path, host)
      : { address: { kind: 'instance', instanceId: party, host, relyingParty: true } as const, path: `/t/${party}${path}` };
    addresses.set(request, address);
    return address.kind === 'refused' ? nowhere : rewritten + query;
  };
}

function read(core: Core, role: HostRole, path: string, host: string): { address: RequestAddress; path: string } {
  const refused = (status: 404 | 421) => ({ address: { kind: 'refused', status } as const, path });
  if (onAnyHost.has(path)) return { address: { kind: 'server' }, path };
  if (role.kind === 'unknown') return refused(421);
  // The absolute form (RFC 9112 §3.2.2) names a second host beside the Host header; no client sends it to an origin.
  if (!path.startsWith('/') || ambiguousPath.test(path)) return refused(404);
  const isConsolePath = consolePaths.test(path);
  switch (role.kind) {
    case 'instance':
      if (isConsolePath || path === '/t' || path.startsWith('/t/')) return refused(404);
      return { address: { kind: 'instance', instanceId: role.instanceId, host }, path: `/t/${role.instanceId}${path}` };
    case 'console':
      return path === '/t' || path.startsWith('/t/') || wellKnownBefore.test(path) ? refused(404) : { address: { kind: 'server' }, path };
    case 'public':
      if (isConsolePath && core.config.consoleUrl !== core.config.publicUrl) return refused(404);
      return readPublicPath(path) ?? refused(404);
  }
}

/** Undefined: under `/t/`, but no instance is spelt so. */
function readPublicPath(path: string): { address: RequestAddress; path: string } | undefined {
  const [, document, before] = wellKnownBefore.exec(path) ?? [];
  const [, after, rest = ''] = /^\/t\/([^/]*)(.*)$/s.exec(path) ?? [];
  const instanceId = before ?? after;
  if (instanceId === undefined) return path === '/t' ? undefined : { address: { kind: 'server' }, path };
  if (!instanceSlug.test(instanceId)) return undefined;
  return { address: { kind: 'instance', instanceId, host: undefined }, path: before === undefined ? `/t/${instanceId}${rest}` : `/t/${instanceId}/.well-known/${document ?? ''}` };
}

/** Two Host lines could be read differently by a proxy before us (RFC 9112 §3.2: refuse). */
function hasOneHost(request: IncomingMessage): boolean {
  let count = 0;
  for (let index = 0; index < request.rawHeaders.length; index += 2) {
    const name = request.rawHeaders[index];
    if (name?.length === 4 && name.toLowerCase() === 'host') count += 1;
  }
  return count === 1;
}
