import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { SealBroken } from '../core/keyring.ts';
import { type ApiServer, startApiServer } from '../../test/support/api-server.ts';
import { key, type InstanceContext } from './context.ts';
import { createInstance } from './instances.ts';
import { retireSigningKey, rotateDueKeys, rotateSigningKeys } from './key-rotation.ts';
import { privateKeyPlace } from './new-instance-keys.ts';
import { loadKeySet, longestTokenSeconds, signingKeyFor } from './signing-keys.ts';

let server: ApiServer;
let context: InstanceContext;
let made = 0;
const day = 86_400_000;

beforeAll(async () => { server = await startApiServer(); });
afterAll(() => server.close());
beforeEach(async () => {
  server.setClock(undefined);
  made += 1;
  context = await createInstance(server.core, { id: `keys-${made}`, name: 'Keys' }, { principal: { kind: 'system' } });
});

const statuses = async (algorithm: string) => (await context.db.signingKey.findMany({ where: { algorithm }, orderBy: { createdAt: 'asc' } })).map(({ status }) => status).sort();
const published = async () => (await loadKeySet(context)).jwks.keys.map(({ kid }) => kid);

describe('signing keys of a new instance', () => {
  it('has an active and a next key of each algorithm, published without private parts', async () => {
    const { jwks, privateJwks, statuses: byKid } = await loadKeySet(context);
    expect(jwks.keys.map(({ alg }) => alg).sort()).toEqual(['ES256', 'ES256', 'EdDSA', 'EdDSA', 'RS256', 'RS256']);
    for (const jwk of jwks.keys) {
      expect(jwk.use).toBe('sig');
      for (const secret of ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']) expect(jwk).not.toHaveProperty(secret);
    }
    for (const alg of ['RS256', 'ES256', 'EdDSA'] as const) {
      const first = privateJwks.find((jwk) => jwk.alg === alg);
      expect(byKid.get(first?.kid ?? '')).toBe('active');
      expect((await signingKeyFor(context, alg)).kid).toBe(first?.kid);
    }
  });

  it('has its private keys sealed to their rows', async () => {
    const [one, other] = await context.db.signingKey.findMany({ take: 2 });
    const sealed = one?.sealedPrivateJwk ?? '';
    expect(sealed).toMatch(/^v1\./);
    expect(() => server.core.keyring.open(sealed, privateKeyPlace(context.instance.id, other?.id ?? ''))).toThrow(SealBroken);
    expect(() => server.core.keyring.open(sealed, privateKeyPlace('another', one?.id ?? ''))).toThrow(SealBroken);
  });
});

describe('rotation', () => {
  it('lets the key sign that was published before, and keeps the old one published', async () => {
    const before = await loadKeySet(context);
    const old = (await signingKeyFor(context, 'ES256')).kid;
    expect(await rotateSigningKeys(context, 'ES256')).toEqual(['ES256']);
    const now = (await signingKeyFor(context, 'ES256')).kid;
    expect(before.jwks.keys.map(({ kid }) => kid)).toContain(now);
    expect(before.statuses.get(now)).toBe('next');
    expect(await published()).toEqual(expect.arrayContaining([old, now]));
    expect(await statuses('ES256')).toEqual(['active', 'next', 'retiring']);
    expect(await statuses('RS256')).toEqual(['active', 'next']);
    expect((await loadKeySet(context)).version).not.toBe(before.version);
  });

  it('refuses a second rotation before the next key is known, unless it is urgent', async () => {
    await rotateSigningKeys(context, 'EdDSA');
    await expect(rotateSigningKeys(context, 'EdDSA')).rejects.toMatchObject({ status: 409, code: 'Operation.Failure.Key.Too.Young' });
    expect(await statuses('EdDSA')).toEqual(['active', 'next', 'retiring']);
    expect(await rotateSigningKeys(context, 'EdDSA', { urgent: true })).toEqual(['EdDSA']);
    server.setClock(new Date(Date.now() + 3_601_000));
    expect(await rotateSigningKeys(context, 'EdDSA')).toEqual(['EdDSA']);
  });

  it('keeps one active and one next key when many rotate at once', async () => {
    await Promise.all(Array.from({ length: 6 }, () => rotateSigningKeys(context, 'ES256', { urgent: true })));
    expect((await statuses('ES256')).filter((status) => status !== 'retiring')).toEqual(['active', 'next']);
  });

  it('raises the version of the instance and writes one event for each change', async () => {
    await rotateSigningKeys(context, 'ES256');
    const events = await context.db.event.findMany({ where: { subjectType: 'signing_key' }, orderBy: { sequence: 'asc' } });
    expect(events.slice(6).map(({ type }) => type)).toEqual(['signing_key.retiring', 'signing_key.activated', 'signing_key.created']);
    expect(JSON.stringify(events.map(({ before, after }) => ({ before, after })))).not.toContain('"d":');
    expect((await context.db.instance.findUnique({ where: { id: context.instance.id } }))?.version).toBe(2);
  });

  it('is known to another server within a second', async () => {
    const replica = await server.replica();
    const there = await replica.context(context.instance.id);
    const old = (await signingKeyFor(there, 'ES256')).kid;
    await rotateSigningKeys(context, 'ES256');
    await expect.poll(async () => (await signingKeyFor(there, 'ES256')).kid, { timeout: 1_000 }).not.toBe(old);
    await replica.close();
  });
});

describe('the schedule', () => {
  it('rotates keys at their age and retires old ones when their last token has ended', async () => {
    const old = (await signingKeyFor(context, 'RS256')).kid;
    server.setClock(new Date(Date.now() + 89 * day));
    await rotateDueKeys(server.core);
    expect((await signingKeyFor(context, 'RS256')).kid).toBe(old);

    const rotatedAt = Date.now() + 90 * day + 60_000;
    server.setClock(new Date(rotatedAt));
    await rotateDueKeys(server.core);
    expect(await statuses('RS256')).toEqual(['active', 'next', 'retiring']);
    await rotateDueKeys(server.core);
    expect(await statuses('RS256')).toEqual(['active', 'next', 'retiring']);

    server.setClock(new Date(rotatedAt + longestTokenSeconds * 1000));
    await rotateDueKeys(server.core);
    expect(await published()).toContain(old);
    server.setClock(new Date(rotatedAt + longestTokenSeconds * 1000 + 301_000));
    await rotateDueKeys(server.core);
    expect(await published()).not.toContain(old);
    expect(await context.db.signingKey.findUnique({ where: key(context, old) })).toMatchObject({ status: 'retired', sealedPrivateJwk: null });
  });

  it('leaves keys alone where rotation is by hand', async () => {
    await context.db.instance.update({ where: { id: context.instance.id }, data: { settings: { keys: { rotationDays: 0 } } } });
    server.setClock(new Date(Date.now() + 4_000 * day));
    await rotateDueKeys(server.core);
    expect(await statuses('ES256')).toEqual(['active', 'next']);
  });
});

describe('retiring by hand', () => {
  it('takes a leaked key out of the JWKS, and gives a next key its successor', async () => {
    const { statuses: byKid } = await loadKeySet(context);
    const next = [...byKid].find(([, status]) => status === 'next')?.[0] ?? '';
    expect((await retireSigningKey(context, next)).status).toBe('retired');
    expect(await published()).not.toContain(next);
    expect(await published()).toHaveLength(6);
    await expect(retireSigningKey(context, next)).rejects.toMatchObject({ status: 409, code: 'Operation.Failure.Key.Retired' });
  });

  it('refuses the key that signs, and keys of other instances', async () => {
    const { kid } = await signingKeyFor(context, 'ES256');
    await expect(retireSigningKey(context, kid)).rejects.toMatchObject({ status: 409, code: 'Operation.Failure.Key.Active' });
    await expect(retireSigningKey(await server.context('default'), kid)).rejects.toMatchObject({ status: 404 });
  });
});
