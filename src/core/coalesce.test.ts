import { setImmediate as nextTurn } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createCoalescingReader, createCoalescingWriter } from './coalesce.ts';
import { isRowError, sqlStateOf } from './sql-state.ts';

interface Row { id: string; value: string }

const rowError = Object.assign(new Error('unsupported Unicode escape sequence'), { code: '22P05' });
const connectionError = Object.assign(new Error('Connection terminated unexpectedly'), { code: 'ECONNRESET' });

/** A table in memory that takes a batch as PostgreSQL does: all of it or nothing, no row twice. */
function table(options: { maxBatch?: number; failOn?: (rows: Row[]) => Error | undefined } = {}) {
  const rows = new Map<string, string>();
  const batches: string[][] = [];
  let inFlight = 0;
  let mostInFlight = 0;
  async function writeBatch(batch: Row[]): Promise<void> {
    inFlight += 1;
    mostInFlight = Math.max(mostInFlight, inFlight);
    batches.push(batch.map((row) => row.id));
    await nextTurn();
    inFlight -= 1;
    if (new Set(batch.map((row) => row.id)).size < batch.length) throw new Error('row affected a second time');
    const failure = options.failOn?.(batch);
    if (failure) throw failure;
    for (const row of batch) rows.set(row.id, row.value);
  }
  const writer = createCoalescingWriter<Row>({
    keyOf: (row) => row.id, writeBatch, isRowError,
    ...(options.maxBatch === undefined ? {} : { maxBatch: options.maxBatch }),
  });
  return { writer, rows, batches, mostInFlight: () => mostInFlight };
}

const outcomes = async (calls: Promise<unknown>[]): Promise<string[]> =>
  (await Promise.allSettled(calls)).map((outcome) => outcome.status);

describe('coalescing writer', () => {
  it('sends the writes of one turn as one batch, sorted by key', async () => {
    const { writer, rows, batches } = table();
    await Promise.all(['c', 'a', 'b'].map((id) => writer.write({ id, value: id })));
    expect(batches).toEqual([['a', 'b', 'c']]);
    expect([...rows.keys()].sort()).toEqual(['a', 'b', 'c']);
  });

  it('keeps one batch in flight while later writes collect', async () => {
    const { writer, batches, mostInFlight } = table();
    const first = writer.write({ id: 'a', value: '1' });
    await nextTurn();
    const later = ['b', 'c', 'd'].map((id) => writer.write({ id, value: '1' }));
    await Promise.all([first, ...later]);
    expect(batches).toEqual([['a'], ['b', 'c', 'd']]);
    expect(mostInFlight()).toBe(1);
  });

  it('writes the last row of a key once and answers every caller of it', async () => {
    const { writer, rows, batches } = table();
    const calls = ['1', '2', '3'].map((value) => writer.write({ id: 'session', value }));
    expect(await outcomes(calls)).toEqual(['fulfilled', 'fulfilled', 'fulfilled']);
    expect(batches).toEqual([['session']]);
    expect(rows.get('session')).toBe('3');
  });

  it('splits what exceeds the largest batch', async () => {
    const { writer, batches } = table({ maxBatch: 2 });
    await Promise.all(['a', 'b', 'c', 'd', 'e'].map((id) => writer.write({ id, value: id })));
    expect(batches).toEqual([['a', 'b'], ['c', 'd'], ['e']]);
  });

  it('does not resolve before the batch is committed', async () => {
    let commit = (): void => {};
    const committed = new Promise<void>((resolve) => { commit = resolve; });
    const writer = createCoalescingWriter<Row>({ keyOf: (row) => row.id, writeBatch: () => committed, isRowError });
    let answered = false;
    const call = writer.write({ id: 'a', value: '1' }).then(() => { answered = true; });
    for (let turn = 0; turn < 5; turn += 1) await nextTurn();
    expect(answered).toBe(false);
    commit();
    await call;
    expect(answered).toBe(true);
  });

  it('fails only the bad row of a batch, in few statements', async () => {
    const { writer, rows, batches } = table({ failOn: (batch) => (batch.some((row) => row.value === '\0') ? rowError : undefined) });
    const calls = Array.from({ length: 256 }, (_, n) => writer.write({ id: `row${n}`, value: n === 77 ? '\0' : 'fine' }));
    const result = await Promise.allSettled(calls);
    expect(result.flatMap((outcome, n) => (outcome.status === 'rejected' ? [[n, outcome.reason]] : []))).toEqual([[77, rowError]]);
    expect(rows.size).toBe(255);
    expect(batches.length).toBeLessThan(20);
  });

  it('keeps an earlier good row of a key whose later row is bad', async () => {
    const { writer, rows } = table({ failOn: (batch) => (batch.some((row) => row.value === '\0') ? rowError : undefined) });
    const calls = ['good', '\0'].map((value) => writer.write({ id: 'a', value }));
    expect(await outcomes(calls)).toEqual(['fulfilled', 'rejected']);
    expect(rows.get('a')).toBe('good');
  });

  it('fails the whole batch, without a second try, when the connection failed', async () => {
    let broken = true;
    const { writer, batches, rows } = table({ failOn: () => (broken ? connectionError : undefined) });
    const calls = ['a', 'b', 'c'].map((id) => writer.write({ id, value: id }));
    expect(await outcomes(calls)).toEqual(['rejected', 'rejected', 'rejected']);
    expect(batches).toHaveLength(1);
    broken = false;
    await writer.write({ id: 'd', value: 'after' });
    expect([...rows]).toEqual([['d', 'after']]);
  });

  it('fails what is left when the connection goes while a bad batch is taken apart', async () => {
    let statements = 0;
    const { writer, rows } = table({ failOn: () => ([rowError, undefined, connectionError][statements++]) });
    const calls = ['a', 'b', 'c', 'd'].map((id) => writer.write({ id, value: id }));
    expect(await outcomes(calls)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'rejected']);
    expect([...rows.keys()]).toEqual(['a', 'b']);
  });

  it('survives a batch function or a metrics hook that throws at once', async () => {
    let failing = true;
    const writer = createCoalescingWriter<Row>({
      keyOf: (row) => row.id, writeBatch: async () => {}, isRowError,
      onBatch: () => { if (failing) throw new Error('hook'); },
    });
    await expect(writer.write({ id: 'a', value: '1' })).rejects.toThrow('hook');
    failing = false;
    await expect(writer.write({ id: 'a', value: '1' })).resolves.toBeUndefined();
  });

  it('leaves the last good value of every key and fails no good row, whatever the interleaving', async () => {
    await fc.assert(fc.asyncProperty(
      fc.array(fc.record({ id: fc.constantFrom('a', 'b', 'c'), bad: fc.boolean(), pause: fc.boolean() }), { maxLength: 30 }),
      async (steps) => {
        const { writer, rows } = table({ maxBatch: 2, failOn: (batch) => (batch.some((row) => row.value.startsWith('bad')) ? rowError : undefined) });
        const calls: Promise<string>[] = [];
        for (const [n, step] of steps.entries()) {
          const call = writer.write({ id: step.id, value: `${step.bad ? 'bad' : 'good'}${n}` });
          calls.push(call.then(() => 'written', () => 'refused'));
          if (step.pause) await nextTurn();
        }
        const answers = await Promise.all(calls);
        for (const [n, step] of steps.entries()) {
          // A bad row that a later row of its key overtook in one batch was never sent.
          const overtaken = steps.slice(n + 1).some((later) => later.id === step.id);
          if (!step.bad) expect(answers[n]).toBe('written');
          else if (!overtaken) expect(answers[n]).toBe('refused');
        }
        const expected = new Map(steps.flatMap((step, n) => (step.bad ? [] : [[step.id, `good${n}`] as const])));
        expect(new Map([...rows].sort())).toEqual(new Map([...expected].sort()));
      },
    ), { numRuns: 100 });
  });
});

describe('coalescing reader', () => {
  function reader(stored: Map<string, string>, maxBatch = 500) {
    const batches: string[][] = [];
    const sizes: number[] = [];
    const { read } = createCoalescingReader<string, string>({
      keyOf: (key) => key, maxBatch, onBatch: (size) => sizes.push(size),
      async readBatch(keys) {
        batches.push(keys);
        const found = new Map(keys.flatMap((key) => { const value = stored.get(key); return value === undefined ? [] : [[key, value] as const]; }));
        await nextTurn();                     // the snapshot is older than the answer
        return found;
      },
    });
    return { read, batches, sizes };
  }

  it('asks once for the keys of one turn, each key once', async () => {
    const { read, batches, sizes } = reader(new Map([['a', '1'], ['b', '2']]));
    expect(await Promise.all([read('a'), read('b'), read('a'), read('missing')])).toEqual(['1', '2', '1', undefined]);
    expect(batches).toEqual([['a', 'b', 'missing']]);
    expect(sizes).toEqual([3]);
  });

  it('never answers a read from a batch that started before it', async () => {
    const stored = new Map([['a', 'old']]);
    const { read, batches } = reader(stored);
    const early = read('a');
    await nextTurn();                         // its batch is in flight now
    expect(batches).toHaveLength(1);
    stored.set('a', 'new');                   // a write is acknowledged
    const late = read('a');
    expect(await early).toBe('old');
    expect(await late).toBe('new');
  });

  it('sees its own acknowledged write, read and write racing through both queues', async () => {
    const { writer, rows } = table();
    const { read } = reader(rows, 3);
    await Promise.all(Array.from({ length: 200 }, async (_, n) => {
      const id = `k${n % 7}-${n}`;
      void read(id);
      await writer.write({ id, value: String(n) });
      expect(await read(id)).toBe(String(n));
    }));
  });

  it('rejects every caller of a failed batch and recovers with the next', async () => {
    let failing = true;
    const { read } = createCoalescingReader<string, string>({
      keyOf: (key) => key,
      readBatch: async (keys) => { if (failing) throw connectionError; return new Map(keys.map((key) => [key, key])); },
    });
    expect(await outcomes([read('a'), read('a'), read('b')])).toEqual(['rejected', 'rejected', 'rejected']);
    failing = false;
    expect(await read('a')).toBe('a');
  });
});

describe('SQLSTATE of a failure', () => {
  it.each([
    ['a pg error', { code: '23505' }, '23505', true],
    ['a Prisma raw query error', { code: 'P2010', meta: { driverAdapterError: { cause: { originalCode: '22P05' } } } }, '22P05', true],
    ['a driver adapter error', { cause: { originalCode: '21000' } }, '21000', true],
    ['a deadlock', { code: '40P01' }, '40P01', false],
    ['a shut-down server', { code: '57P01' }, '57P01', false],
    ['a lost connection', { code: 'EPIPE' }, undefined, false],
    ['Prisma without a server answer', { code: 'P2010', meta: {} }, undefined, false],
    ['nothing', undefined, undefined, false],
  ])('%s', (_name, error, state, rowLevel) => {
    expect(sqlStateOf(error)).toBe(state);
    expect(isRowError(error)).toBe(rowLevel);
  });
});
