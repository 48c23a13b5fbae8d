import { availableParallelism } from 'node:os';
import argon2 from 'argon2';
import { createBoundedQueue } from './bounded-queue.ts';
import { Problem } from './errors.ts';
import { maximumPasswordBytes, preparePassword } from './password-text.ts';
import type { PasswordFault } from './password-text.ts';

/** Argon2id with 19 MiB, two passes, one lane (OWASP Password Storage Cheat Sheet). */
const parameters = { memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const;

/** Above these an imported hash is not computed: whoever can write it could stall the server. */
const ceiling = { memoryCost: 262_144, timeCost: 10, parallelism: 16 } as const;

/**
 * Hash of a random text nobody kept, with `parameters`. Unknown names are checked against it, so
 * that they cost the same work as known ones.
 */
export const dummyHash =
  '$argon2id$v=19$m=19456,p=1,t=2$9vuZhr++AqvMC7nNZWZ3uQ$hkIaRfeoq+YjApO2SZOJ15eRbc4Gnz/CKprY2HjJHl4';

/** The hashing queue is full; `retryAfter` is in seconds and goes out as Retry-After (RFC 9110 §10.2.3). */
export class ServiceBusy extends Problem {
  override readonly name = 'ServiceBusy';
  readonly retryAfter: number;
  constructor(retryAfter: number) {
    super({
      status: 503,
      code: 'Service.Busy',
      detail: 'Too many sign-ins at once. Try again shortly.',
      headers: { 'retry-after': String(retryAfter) },
    });
    this.retryAfter = retryAfter;
  }
}

/** A text that can be no password, refused before hashing; says nothing about any account. */
export const passwordUnusable = (fault: PasswordFault) => new Problem({
  status: 400,
  code: `Password.${{ 'empty': 'Empty', 'too long': 'Too.Long', 'not text': 'Not.Text' }[fault]}`,
  detail: fault === 'too long'
    ? `The password is longer than ${maximumPasswordBytes} bytes.`
    : 'The password must be text without control characters, at least one character.',
});

export interface PasswordHasher {
  /** PHC string. Throws 400 when the text can be no password, `ServiceBusy` when the queue is full. */
  hash(password: string): Promise<string>;
  /**
   * Whether the password has this hash. Without a hash (no such user, or one without a password)
   * it spends the same work and answers false. Throws `ServiceBusy` when the queue is full.
   */
  verify(hash: string | undefined, password: string): Promise<boolean>;
  /** Whether the hash was made by another algorithm or other parameters: hash again at the next sign-in. */
  needsRehash(hash: string): boolean;
  /** Hashes waiting for their turn. */
  readonly waiting: number;
  /** Hashes being computed. */
  readonly inFlight: number;
}

/**
 * Argon2id in a bounded queue. Unbounded, a login storm fills libuv's pool, which also signs tokens:
 * measured, it took token requests from 800 to 10 a second; with this queue they do not notice.
 */
export function createPasswordHasher(options: { inFlight?: number; waiting?: number; /** Called when the queue is full. */ onRefused?: () => void } = {}): PasswordHasher {
  const queue = createBoundedQueue({
    inFlight: options.inFlight ?? Math.max(1, availableParallelism() - 1),
    waiting: options.waiting ?? 20,
    whenFull() {
      options.onRefused?.();
      return new ServiceBusy(1);                        // a full queue of 20 drains in under half a second
    },
  });

  return {
    async hash(password) {
      const prepared = preparePassword(password);
      if ('fault' in prepared) throw passwordUnusable(prepared.fault);
      return queue.run(() => argon2.hash(prepared.text, { type: argon2.argon2id, ...parameters }));
    },
    async verify(hash, password) {
      const prepared = preparePassword(password);
      // No account has such a password, so this tells nothing about the one that was asked for.
      if ('fault' in prepared) return false;
      if (hash !== undefined) checkWithinCeiling(hash);
      const matches = await queue.run(() => argon2.verify(hash ?? dummyHash, prepared.text));
      return hash !== undefined && matches;
    },
    needsRehash: (hash) => !hash.startsWith('$argon2id$') || argon2.needsRehash(hash, parameters),
    get waiting() { return queue.waiting; },
    get inFlight() { return queue.inFlight; },
  };
}

/** Throws when a stored hash is none of Argon2 or asks for more work than `ceiling`. The hash is not repeated. */
function checkWithinCeiling(hash: string): void {
  const [, settings] = /^\$argon2(?:id|i|d)\$v=\d+\$([a-z0-9=,]+)\$/.exec(hash) ?? [];
  if (settings === undefined) throw new Error('a stored password hash is not an Argon2 PHC string');
  const cost = Object.fromEntries(settings.split(',').map((setting) => setting.split('=')));
  const within = (name: string, limit: number) => Number(cost[name]) >= 1 && Number(cost[name]) <= limit;
  if (!within('m', ceiling.memoryCost) || !within('t', ceiling.timeCost) || !within('p', ceiling.parallelism)) {
    throw new Error('a stored password hash has parameters out of bounds');
  }
}
