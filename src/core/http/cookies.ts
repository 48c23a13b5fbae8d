/**
 * Reading and writing cookies by exact name. Names carry the instance, because a cookie's Path is no boundary; a
 * cookie that comes twice is a sign of planting and counts as absent (docs/decisions/0004-multi-tenancy.md).
 */

export type CookieValue = { kind: 'absent' } | { kind: 'duplicate' } | { kind: 'value'; value: string };

/** Finds a cookie; names are compared byte for byte, never trimmed of anything but the separator's one space. */
export function readCookie(header: string | undefined, name: string): CookieValue {
  const values: string[] = [];
  for (const part of (header ?? '').split(';')) {
    const pair = part.startsWith(' ') ? part.slice(1) : part;
    const equals = pair.indexOf('=');
    if (equals > 0 && pair.slice(0, equals) === name) values.push(pair.slice(equals + 1));
  }
  const [value] = values;
  if (value === undefined) return { kind: 'absent' };
  return values.length > 1 ? { kind: 'duplicate' } : { kind: 'value', value };
}

export interface CookieOptions {
  secure: boolean;
  /** Seconds; undefined: until the browser closes. */
  maxAge?: number;
  path?: string;
}

/** Writes a Set-Cookie value: HttpOnly and SameSite=Lax always (RFC 6265bis §4.1). */
export function writeCookie(name: string, value: string, options: CookieOptions): string {
  return [
    `${name}=${value}`, `Path=${options.path ?? '/'}`, 'HttpOnly', 'SameSite=Lax',
    ...(options.secure ? ['Secure'] : []),
    ...(options.maxAge === undefined ? [] : [`Max-Age=${options.maxAge}`]),
  ].join('; ');
}

/** `__Host-` names exclude planting from sibling hosts and longer paths; plain names where there is no https. */
export function cookieName(purpose: string, instanceId: string, secure: boolean): string {
  return `${secure ? '__Host-' : ''}postern_${purpose}_${instanceId}`;
}
