/** The fields that settings of several kinds share. */
import { z } from 'zod';

/** Of a client or application at the source. */
export const identifier = z.string().regex(/^[\x21-\x7e]{1,255}$/, 'must be 1 to 255 visible characters');

/** Whether it may be called is asked when it is: names change their addresses. */
export const address = z.string().max(500).refine((text) => {
  const url = URL.parse(text);
  const isLocal = url?.hostname === 'localhost' || url?.hostname === '127.0.0.1';
  return url !== null && (url.protocol === 'https:' || (url.protocol === 'http:' && isLocal)) && url.username === '' && url.password === '' && url.hash === '';
}, 'must be an https address, without user name and fragment');

/** Where a vendor is reached: its own public addresses unless a private or regional installation has others. */
export function endpoints<Names extends string>(defaults: Readonly<Record<Names, string>>) {
  const shape = Object.fromEntries(Object.entries<string>(defaults).map(([name, value]) => [name, address.default(value)])) as unknown as Record<Names, z.ZodDefault<typeof address>>;
  return z.strictObject(shape).prefault({} as never).describe('Only for a private or regional installation of the vendor.');
}

export const scopes = z.array(z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]{1,100}$/, 'must be a scope (RFC 6749 §3.3)')).max(30);
