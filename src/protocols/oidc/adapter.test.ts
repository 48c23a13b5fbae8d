import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bareInstance, startTestCore, type TestCore } from '../../../test/support/core.ts';
import type { Core } from '../../core/core.ts';
import { purgeRecords, recordsOf } from './adapter.ts';

let started: TestCore;
let another: Core;
beforeAll(async () => {
  started = await startTestCore();
  another = await started.another();
  for (const id of ['one', 'two']) await bareInstance(started.core, id);
});
afterAll(() => started.close());

const key = (id: string, instanceId = 'one', model = 'AuthorizationCode') => ({ instanceId, model, id });
const later = () => new Date(Date.now() + 60_000);

describe('records of the OpenID provider', () => {
  it('are read back by the next call, on every server, under their own instance and model only', async () => {
    await Promise.all(Array.from({ length: 40 }, (_value, place) => recordsOf(started.core).write(key(`r${place}`), { payload: { place }, grantId: 'g1', expiresAt: later() })));
    const found = await Promise.all(Array.from({ length: 40 }, (_value, place) => recordsOf(another).find(key(`r${place}`))));
    expect(found.map((record) => record?.payload)).toEqual(Array.from({ length: 40 }, (_value, place) => ({ place })));
    expect(await recordsOf(another).find(key('r1', 'two'))).toBeUndefined();
    expect(await recordsOf(another).find(key('r1', 'one', 'RefreshToken'))).toBeUndefined();
  });

  it('keep that they were consumed when they are written again', async () => {
    const records = recordsOf(started.core);
    await records.write(key('again'), { payload: { state: 1 }, expiresAt: later() });
    expect(await records.consume(key('again'))).toBe(true);
    await records.write(key('again'), { payload: { state: 2 }, expiresAt: later() });
    expect(await records.find(key('again'))).toMatchObject({ payload: { state: 2 }, consumedAt: expect.any(Date) as Date });
    expect(await records.consume(key('again'))).toBe(false);
  });

  it('are consumed by one of 100 callers on two servers', async () => {
    await recordsOf(started.core).write(key('race'), { payload: {}, expiresAt: later() });
    const results = await Promise.all(Array.from({ length: 100 }, (_value, place) => recordsOf(place % 2 === 0 ? started.core : another).consume(key('race'))));
    expect(results.filter(Boolean)).toHaveLength(1);
    expect(await recordsOf(started.core).consume(key('nothing'))).toBe(false);
  });

  it('proofs are used by one of 100 callers on two servers, once for each instance and kind', async () => {
    const proof = { instanceId: 'one', kind: 'jti', hash: 'h', expiresAt: later() };
    const results = await Promise.all(Array.from({ length: 100 }, (_value, place) => recordsOf(place % 2 === 0 ? started.core : another).useProof(proof)));
    expect(results.filter(Boolean)).toHaveLength(1);
    expect(await recordsOf(another).useProof({ ...proof, instanceId: 'two' })).toBe(true);
    expect(await recordsOf(another).useProof({ ...proof, kind: 'other' })).toBe(true);
  });

  it('a row that the database refuses fails alone', async () => {
    const records = recordsOf(started.core);
    const results = await Promise.allSettled([
      records.write(key('good'), { payload: { text: 'x' }, expiresAt: later() }),
      records.write(key('bad'), { payload: { text: '\u0000' }, expiresAt: later() }),
      records.write(key('good2'), { payload: { text: 'y' }, expiresAt: later() }),
    ]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  });

  it('go when they have ended', async () => {
    await recordsOf(started.core).write(key('old'), { payload: {}, expiresAt: new Date(Date.now() - 120_000) });
    await recordsOf(started.core).useProof({ instanceId: 'one', kind: 'jti', hash: 'old', expiresAt: new Date(Date.now() - 120_000) });
    expect(await purgeRecords(started.core)).toBe(2);
    expect(await recordsOf(started.core).find(key('old'))).toBeUndefined();
    expect(await recordsOf(started.core).find(key('r1'))).toBeDefined();
  });
});
