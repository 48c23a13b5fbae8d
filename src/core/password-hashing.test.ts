import argon2 from 'argon2';
import { beforeAll, describe, expect, it } from 'vitest';
import { createPasswordHasher, dummyHash, ServiceBusy } from './password-hashing.ts';
import { preparePassword } from './password-text.ts';

const hasher = createPasswordHasher({ inFlight: 1, waiting: 20 });
let hash: string;
beforeAll(async () => { hash = await hasher.hash('pässword one'); });

describe('password hashing', () => {
  it('makes an argon2id hash with 19 MiB, two passes, one lane, salted', async () => {
    expect(hash).toMatch(/^\$argon2id\$v=19\$m=19456,p=1,t=2\$/);
    expect(await hasher.hash('pässword one')).not.toBe(hash);
  });

  it.each([
    ['the same', 'pässword one', true],
    ['decomposed (another keyboard)', 'pa\u0308ssword one', true],
    ['with a no-break space', 'pässword\u00a0one', true],
    ['with an ideographic space', 'pässword\u3000one', true],
    ['another', 'pässword two', false],
    ['another case', 'Pässword one', false],
    ['full-width (no NFKC)', 'pässword ｏne', false],
    ['empty', '', false],
    ['with a space behind', 'pässword one ', false],
    ['with a NUL behind', 'pässword one\0', false],
  ])('answers for a password that is %s', async (_name, password, matches) => {
    expect(await hasher.verify(hash, password)).toBe(matches);
  });

  it('answers false without a hash, even for the password of the dummy', async () => {
    expect(await hasher.verify(undefined, 'pässword one')).toBe(false);
    expect(await hasher.verify(undefined, 'x')).toBe(false);
  });

  it('spends the same work for an unknown name: the dummy has the current parameters', async () => {
    expect(hasher.needsRehash(dummyHash)).toBe(false);
    const unknown = hasher.verify(undefined, 'x');
    expect(hasher.inFlight).toBe(1);
    expect(await unknown).toBe(false);
    expect(hasher.inFlight).toBe(0);
  });

  it('asks for a new hash when algorithm or parameters differ', async () => {
    const weak = { memoryCost: 1024, timeCost: 2, parallelism: 1 };
    expect(hasher.needsRehash(hash)).toBe(false);
    expect(hasher.needsRehash(await argon2.hash('x', { ...weak, type: argon2.argon2id }))).toBe(true);
    expect(hasher.needsRehash(await argon2.hash('x', { memoryCost: 19_456, timeCost: 2, parallelism: 1, type: argon2.argon2i }))).toBe(true);
    expect(hasher.needsRehash('$2b$12$abcdefghijklmnopqrstuu')).toBe(true);
  });

  it.each([
    ['a gigabyte of memory', hash => hash.replace('m=19456', 'm=1048576')],
    ['many passes', hash => hash.replace('t=2', 't=1000')],
    ['no memory', hash => hash.replace('m=19456', 'm=0')],
    ['another algorithm', () => '$2b$12$abcdefghijklmnopqrstuu'],
    ['nothing', () => ''],
  ] satisfies [string, (hash: string) => string][])('refuses a stored hash of %s', async (_name, spoil) => {
    await expect(hasher.verify(spoil(hash), 'pässword one')).rejects.toThrow('stored password hash');
  });
});

describe('attack: limit.password-cost', () => {
  it.each([
    ['a megabyte', 'x'.repeat(1024 * 1024), 'Password.Too.Long'],
    ['1,025 bytes', 'x'.repeat(1025), 'Password.Too.Long'],
    ['1,026 bytes in 513 characters', 'ü'.repeat(513), 'Password.Too.Long'],
    ['nothing', '', 'Password.Empty'],
    ['a control character', 'pass\u0007word', 'Password.Not.Text'],
    ['half a surrogate pair', 'pass\ud800', 'Password.Not.Text'],
  ])('refuses a password of %s before any hashing', async (_name, password, code) => {
    const refused = hasher.hash(password);
    expect(hasher.inFlight).toBe(0);
    await expect(refused).rejects.toMatchObject({ status: 400, code });
    const verified = hasher.verify(hash, password);
    expect(hasher.inFlight).toBe(0);
    expect(await verified).toBe(false);
  });

  it('takes 1,024 bytes', () => {
    expect(preparePassword('ü'.repeat(512))).toEqual({ text: 'ü'.repeat(512) });
  });

  it('runs one, lets three wait in their order, refuses the rest with Retry-After, and recovers', async () => {
    const small = createPasswordHasher({ inFlight: 1, waiting: 3 });
    const finished: number[] = [];
    const attempts = Array.from({ length: 10 }, async (_value, index) => {
      await small.verify(index % 2 === 0 ? hash : undefined, 'x');
      finished.push(index);
    });
    const settled = Promise.allSettled(attempts);
    await Promise.resolve();
    expect([small.inFlight, small.waiting]).toEqual([1, 3]);
    const results = await settled;
    expect(finished).toEqual([0, 1, 2, 3]);
    for (const result of results.slice(4)) {
      if (result.status === 'fulfilled') throw new Error('was not refused');
      expect(result.reason).toBeInstanceOf(ServiceBusy);
      expect(result.reason).toMatchObject({ status: 503, code: 'Service.Busy', retryAfter: 1, headers: { 'retry-after': '1' } });
    }
    expect([small.inFlight, small.waiting]).toEqual([0, 0]);
    expect(await small.verify(hash, 'pässword one')).toBe(true);
  });

  it('frees its place when a stored hash cannot be read', async () => {
    const small = createPasswordHasher({ inFlight: 1, waiting: 0 });
    await expect(small.verify('$argon2id$v=19$m=19456,p=1,t=2$broken', 'x')).rejects.toThrow();
    expect(small.inFlight).toBe(0);
    expect(await small.verify(hash, 'pässword one')).toBe(true);
  });
});
