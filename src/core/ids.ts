/**
 * Ids are a prefix and 26 characters of time-ordered text (48 bits of milliseconds, 80 random bits, Crockford base32,
 * as in ULID), so that rows made together lie together and a list by id is a list by time.
 */
import { randomFillSync } from 'node:crypto';

const alphabet = '0123456789abcdefghjkmnpqrstvwxyz';

export type IdPrefix = 'user' | 'app' | 'ou' | 'group' | 'idp' | 'evnt' | 'sess' | 'flow' | 'brow' | 'chal' | 'secr'
  | 'rsrc' | 'key' | 'dom' | 'part' | 'setup' | 'post' | 'req' | 'role' | 'batch' | 'field' | 'inv' | 'zone' | 'policy' | 'arole' | 'rdev' | 'reg' | 'recovery' | 'request' | 'change' | 'terms' | 'accept' | 'risk' | 'replay' | 'alist' | 'plan' | 'totp' | 'rcodes' | 'gate' | 'msg' | 'hook' | 'call' | 'passkey';

// Random bytes in stock: one call for each request cost 3 % of a token request. No byte is used twice.
const stock = Buffer.alloc(4_096);
let used = stock.length;

/** Returns a new id such as `user_01k9v6…`. */
export function newId(prefix: IdPrefix, now: number = Date.now()): string {
  const time = timeText(now);
  // Each random byte gives five bits: 256 is a multiple of 32, so every character is equally likely.
  if (used + 16 > stock.length) {
    randomFillSync(stock);
    used = 0;
  }
  let random = '';
  for (const end = used + 16; used < end; used += 1) random += alphabet.charAt((stock[used] ?? 0) & 31);
  return `${prefix}_${time}${random}`;
}

/** The least id of a millisecond: those made at or after `now` do not come before it. */
export const firstIdOf = (prefix: IdPrefix, now: number): string => `${prefix}_${timeText(Math.max(0, now))}${'0'.repeat(16)}`;

function timeText(now: number): string {
  let time = '';
  for (let rest = now, digit = 0; digit < 10; digit += 1) {
    time = alphabet.charAt(rest % 32) + time;
    rest = Math.floor(rest / 32);
  }
  return time;
}

/** A pattern for route parameters and schemas. */
export const idPattern = (prefix: IdPrefix) => new RegExp(`^${prefix}_[0-9a-hjkmnp-tv-z]{26}$`);
