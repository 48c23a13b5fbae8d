/** Addresses in settings other than redirect URIs. Each function says what is wrong, or undefined. */

const loopbackHosts = new Set(['localhost', '127.0.0.1', '[::1]']);
/** Written the way browsers write it (a slash for an empty path may be missing): nobody reads another address in it. */
const isPlain = (text: string, url: URL) => /^[!-~]+$/.test(text) && (url.href === text || url.href === `${text}/`)
  && !text.includes('#') && url.username === '' && url.password === '' && !url.hostname.includes('*');

/** Fetched by us; whether the address may be called is judged when it is (core/outbound). */
export function rejectHttpsUri(text: string): string | undefined {
  const url = URL.parse(text);
  return url?.protocol === 'https:' && isPlain(text, url) ? undefined : 'must be an absolute https URI without fragment, user name or wildcard';
}

/** Opened in a person's browser, or called by us on the developer's machine. */
export function rejectWebAddress(text: string): string | undefined {
  const url = URL.parse(text);
  const allowed = url && isPlain(text, url) && (url.protocol === 'https:' || (url.protocol === 'http:' && loopbackHosts.has(url.hostname)));
  return allowed ? undefined : 'must be an absolute https URI (plain http only for localhost) without fragment, user name or wildcard';
}

/** As browsers send it in the Origin header (RFC 6454 §6.2): no path, no slash at the end. */
export function rejectOrigin(text: string): string | undefined {
  return rejectWebAddress(text) === undefined && URL.parse(text)?.origin === text
    ? undefined : 'must be an origin as browsers send it, such as https://app.example.com (plain http only for localhost)';
}
