/**
 * Redirect URIs: which may be registered, and which presented one is a registered one. Compared as text, character by
 * character (RFC 9700 §4.1.3); only the port of a native application's loopback address is free (RFC 8252 §7.3).
 */
import type { ApplicationKind } from './kinds.ts';

const loopbackHosts = new Set(['localhost', '127.0.0.1', '[::1]']);

export interface RedirectUriRules {
  kind: ApplicationKind;
  /** Whether an address is one of this server: such a redirect would hand codes to our own pages. */
  isOwnAddress: (url: URL) => boolean;
}

/** Says what is wrong with a redirect URI and what would be right; undefined when it may be registered. */
export function rejectRedirectUri(uri: string, { kind, isOwnAddress }: RedirectUriRules): string | undefined {
  const url = URL.parse(uri);
  if (!url || !/^[!-~]+$/.test(uri)) return 'must be an absolute URI of printable ASCII characters, such as https://app.example.com/callback';
  if (uri.includes('#')) return 'must not have a fragment';
  if (url.username !== '' || url.password !== '' || /^[a-z.+-]+:\/\/[^/?]*@/i.test(uri)) return 'must not have a user name or password in it';
  return url.protocol === 'https:' || url.protocol === 'http:'
    ? rejectWebUri(uri, url, kind, isOwnAddress)
    : rejectPrivateUseUri(uri, url, kind);
}

function rejectWebUri(uri: string, url: URL, kind: ApplicationKind, isOwnAddress: (url: URL) => boolean): string | undefined {
  const isLoopback = loopbackHosts.has(url.hostname);
  if (url.protocol === 'http:' && !isLoopback) return 'must be https; plain http is for localhost, 127.0.0.1 and [::1] only';
  if (url.protocol === 'https:' && isLoopback && kind === 'native') return 'must be http on the loopback interface: no certificate is valid there (RFC 8252 §7.3)';
  if (url.hostname.includes('*')) return 'must name one host; wildcards are not supported';
  const plain = plainSpellings(url);
  if (!plain.includes(uri)) return `must be written the way browsers send it: ${plain[0] ?? url.href}`;
  // A native application may listen on any port of the loopback interface, also on one that is ours.
  if (isOwnAddress(url) && !(kind === 'native' && isLoopback)) return 'must not be an address of this server';
  return undefined;
}

/** A private-use scheme is a reversed domain name under the control of the application (RFC 8252 §7.1). */
function rejectPrivateUseUri(uri: string, url: URL, kind: ApplicationKind): string | undefined {
  if (!url.protocol.includes('.')) {
    return kind === 'native'
      ? 'must be https, http on the loopback interface, or have a private-use scheme with a dot, such as com.example.app:/callback'
      : 'must be https, or http on localhost, 127.0.0.1 or [::1]';
  }
  if (kind !== 'native') return 'must be https: private-use schemes are for native applications';
  return url.href === uri ? undefined : `must be written the way the system sends it: ${url.href}`;
}

/** How a URL may be spelt: the parser's form, with its default port named, and without the slash of an empty path. */
function plainSpellings(url: URL): string[] {
  const named = url.port === '' ? url.href.replace(url.host, `${url.host}:${url.protocol === 'https:' ? 443 : 80}`) : url.href;
  const both = [url.href, named];
  return url.pathname === '/' ? [...both, ...both.map((spelling) => spelling.replace(/(?<=[^/:])\/(?=\?|$)/, ''))] : both;
}

/**
 * Whether a presented URI is a registered one. The text must be the same; for native applications the port of a
 * registered http loopback URI does not count (RFC 8252 §7.3).
 */
export function isRegisteredRedirectUri(application: { kind: ApplicationKind }, registered: readonly string[], presented: string): boolean {
  if (registered.includes(presented)) return true;
  if (application.kind !== 'native') return false;
  const portless = withoutLoopbackPort(presented);
  return portless !== undefined && registered.some((uri) => withoutLoopbackPort(uri) === portless);
}

/** Cut as text, never parsed and put together again: what the parser would mend must not match. */
function withoutLoopbackPort(uri: string): string | undefined {
  const [, host, port, rest] = /^http:\/\/(localhost|127\.0\.0\.1|\[::1\])(?::(\d{1,5}))?((?:[/?].*)?)$/.exec(uri) ?? [];
  if (host === undefined || (port !== undefined && (Number(port) > 65_535 || port.startsWith('0')))) return undefined;
  return `http://${host}${rest ?? ''}`;
}
