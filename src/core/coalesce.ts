/**
 * Many callers, one statement. While a batch is in flight the next one collects; it starts one
 * `setImmediate` after the batch before it ended, so that the callers just answered can still join it.
 * Batches of rows keep durability (callers resolve after COMMIT) and cost a fifth of single statements.
 * A batch must end by itself (give its statement a time limit): one that hangs holds up all that follow.
 */
export interface CoalescingWriter<Row> {
  /** Resolves after COMMIT; rejects with the error of this row, or of the batch when the connection failed. */
  write(row: Row): Promise<void>;
}

export interface CoalescingReader<Key, Value> {
  /** Resolves with the value, undefined when there is none. Sees every write acknowledged before the call. */
  read(key: Key): Promise<Value | undefined>;
}

interface BatchOptions {
  /** Most distinct keys in one batch; default 500. */
  maxBatch?: number;
  /** Called with the number of distinct keys of each batch as it starts (a metrics hook). */
  onBatch?: (size: number) => void;
}

export interface CoalescingWriterOptions<Row> extends BatchOptions {
  /** Two rows of one key never go into one statement: the later one wins. */
  keyOf(row: Row): string;
  /** Writes all rows or none, and resolves after COMMIT. Rows come sorted by key. */
  writeBatch(rows: Row[]): Promise<void>;
  /** Whether the failure is one row's own fault (SQLSTATE class 21, 22 or 23): then the batch is split until only that row fails. */
  isRowError(error: unknown): boolean;
}

export interface CoalescingReaderOptions<Key, Value> extends BatchOptions {
  keyOf(key: Key): string;
  /** Returns the values found, by `keyOf`; a key that is left out has no value. */
  readBatch(keys: Key[]): Promise<Map<string, Value>>;
}

interface Call<Input, Output> {
  input: Input;
  resolve(output: Output): void;
  reject(error: unknown): void;
}

/** The calls of each key, in the order they were made. */
type Batch<Input, Output> = Map<string, Call<Input, Output>[]>;

export function createCoalescingWriter<Row>(options: CoalescingWriterOptions<Row>): CoalescingWriter<Row> {
  const { writeBatch, isRowError } = options;

  async function writeCalls(callsByKey: Call<Row, void>[][]): Promise<void> {
    try {
      await writeBatch(callsByKey.flatMap((calls) => calls.slice(-1)).map((call) => call.input));
    } catch (error) {
      const calls = callsByKey.flat();
      if (calls.length === 1 || !isRowError(error)) throw error;
      return writeParts(partsOf(callsByKey));
    }
    for (const calls of callsByKey) for (const call of calls) call.resolve();
  }

  async function writeParts(parts: Call<Row, void>[][][]): Promise<void> {
    for (const part of parts) {
      try {
        await writeCalls(part);
      } catch (error) {
        if (!isRowError(error)) throw error;
        for (const call of part.flat()) call.reject(error);   // the part was one row, and it is the bad one
      }
    }
  }

  // Sorted: two servers that lock the same rows in the same order cannot deadlock.
  const writeSorted = (batch: Batch<Row, void>): Promise<void> =>
    writeCalls([...batch].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, calls]) => calls));

  return { write: coalesce(options.keyOf, writeSorted, options) };
}

/**
 * Splits a refused batch, so that in the end only the bad row fails. By halves, because one bad row
 * among 500 then costs about 20 statements and not 500: a stranger who can send bad rows cannot stall
 * the rest. Rows of one key go one by one and in order: an earlier row may be good.
 */
function partsOf<Input, Output>(callsByKey: Call<Input, Output>[][]): Call<Input, Output>[][][] {
  if (callsByKey.length === 1) return callsByKey.flat().map((call) => [[call]]);
  const middle = Math.ceil(callsByKey.length / 2);
  return [callsByKey.slice(0, middle), callsByKey.slice(middle)];
}

export function createCoalescingReader<Key, Value>(
  options: CoalescingReaderOptions<Key, Value>,
): CoalescingReader<Key, Value> {
  async function readAll(batch: Batch<Key, Value | undefined>): Promise<void> {
    const keys = [...batch.values()].flatMap((calls) => calls.slice(0, 1).map((call) => call.input));
    const values = await options.readBatch(keys);
    for (const [key, calls] of batch) {
      const value = values.get(key);
      for (const call of calls) call.resolve(value);
    }
  }
  return { read: coalesce(options.keyOf, readAll, options) };
}

/**
 * The one queue behind both. `run` settles every call of its batch, or throws:
 * then the calls it did not settle are rejected with that error.
 */
function coalesce<Input, Output>(
  keyOf: (input: Input) => string,
  run: (batch: Batch<Input, Output>) => Promise<void>,
  { maxBatch = 500, onBatch }: BatchOptions,
): (input: Input) => Promise<Output> {
  let waiting: Batch<Input, Output> = new Map();
  let busy = false;                                    // a batch is scheduled or in flight

  function schedule(): void {
    busy = true;
    setImmediate(() => void startBatch());
  }

  async function startBatch(): Promise<void> {
    // Taken out before it starts: a call made from now on gets a later batch, and so a fresh answer.
    const batch = takeBatch();
    try {
      onBatch?.(batch.size);
      await run(batch);
    } catch (error) {
      // Rejecting a call that is already settled does nothing.
      for (const calls of batch.values()) for (const call of calls) call.reject(error);
    }
    busy = false;
    if (waiting.size > 0) schedule();
  }

  function takeBatch(): Batch<Input, Output> {
    const all = waiting;
    waiting = new Map();
    if (all.size <= maxBatch) return all;
    const batch: Batch<Input, Output> = new Map();
    for (const [key, calls] of all) (batch.size < maxBatch ? batch : waiting).set(key, calls);
    return batch;
  }

  return (input) => new Promise((resolve, reject) => {
    const call = { input, resolve, reject };
    const key = keyOf(input);
    const sameKey = waiting.get(key);
    if (sameKey) sameKey.push(call);
    else waiting.set(key, [call]);
    if (!busy) schedule();
  });
}
