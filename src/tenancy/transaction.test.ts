import { afterAll, beforeAll, expect, it } from 'vitest';
import { type ApiServer, startApiServer } from '../../test/support/api-server.ts';
import { createInstance, instanceContext } from './instances.ts';
import type { InstanceContext } from './context.ts';

let server: ApiServer;
let context: InstanceContext;
beforeAll(async () => {
  server = await startApiServer();
  await createInstance(server.core, { id: 'acme', name: 'Acme' });
  const found = await instanceContext(server.core, 'acme');
  if (!found) throw new Error('no instance');
  context = found;
  await context.db.throttle.createMany({ data: ['a', 'b'].map((keyHash) => ({ kind: 'test', keyHash, windowEndsAt: new Date() })) });
});
afterAll(() => server.close());

const count = async (tx: InstanceContext, keyHash: string) => tx.db.throttle.updateMany({ where: { kind: 'test', keyHash }, data: { failures: { increment: 1 } } });

it('runs again what PostgreSQL undid because of a deadlock', async () => {
  let runs = 0;
  /** Resolves once both transactions hold their first row. */
  let arrived = 0;
  const bothHold = Promise.withResolvers<undefined>();
  const crosswise = (first: string, second: string) => context.transaction(async (tx) => {
    runs += 1;
    await count(tx, first);
    arrived += 1;
    if (arrived === 2) bothHold.resolve(undefined);
    await bothHold.promise;
    await count(tx, second);
  });
  await Promise.all([crosswise('a', 'b'), crosswise('b', 'a')]);
  expect(runs).toBe(3);
  const rows = await context.db.throttle.findMany({ where: { kind: 'test' } });
  expect(rows.map(({ failures }) => failures)).toEqual([2, 2]);
});

it('does not run again what failed otherwise', async () => {
  let runs = 0;
  await expect(context.transaction(async () => { runs += 1; throw new Error('no'); })).rejects.toThrow('no');
  expect(runs).toBe(1);
});
