/**
 * Takes in an upload: lines are cut into chunks as they arrive and stored one by one, so that no more than a chunk is in
 * memory. Nothing is applied before all has arrived: the job exists exactly if it has.
 */
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { newId } from '../../core/ids.ts';
import { append } from '../../events/index.ts';
import type { RoleBatch as RoleBatchRow } from '../../generated/prisma/client.ts';
import { key, type InstanceContext } from '../../tenancy/index.ts';
import { batchJob, storedActor } from './batch-work.ts';
import { finishBatch, lockBatch, unfinished, viewBatch } from './batches.ts';
import { batchTooLarge, batchUnreadable, tooManyBatches } from './errors.ts';
import { mostRows, type Operation } from './rows.ts';

export const mostLines = 1_000_000;
/** Bytes of one line, without its end. */
export const longestLine = 8_192;
/** Bytes of an upload, unpacked. */
export const mostBytes = 512 * 1_048_576;
export const mostUnfinished = 10;
/** Bytes of a chunk, about: a transaction works one, and lines may name many roles. */
const chunkBytes = 131_072;

export interface Upload { readonly body: Readable; readonly gzip: boolean }

/** @throws Problem 413 (too many lines, a line or the whole too long), 400 (not gzip, cut off), 409 (too many unfinished batches) */
export async function receiveBatch(context: InstanceContext, applicationId: string, operation: Operation, upload: Upload): Promise<RoleBatchRow> {
  const batch = await beginBatch(context, applicationId, operation);
  try {
    const { lines, chunks } = await storeChunks(context, batch.id, upload);
    return await context.transaction(async (tx) => {
      const before = await lockBatch(tx, batch.id);
      if (before?.status !== 'receiving') throw wasCancelled();
      const after = await tx.db.roleBatch.update({ where: key(tx, batch.id), data: { status: 'waiting', received: lines, chunks, progressedAt: tx.now() } });
      await append(tx, { type: 'role_batch.received', subject: { type: 'role_batch', id: batch.id }, after: viewBatch(after) });
      await tx.core.jobs.enqueue(tx.db, batchJob, { instanceId: tx.instance.id, batchId: batch.id }, { singletonKey: batch.id });
      return after;
    });
  } catch (error) {
    await giveUp(context, batch.id, error);
    throw error;
  }
}

const wasCancelled = () => batchUnreadable('The batch was cancelled while it was received.');

function beginBatch(context: InstanceContext, applicationId: string, operation: Operation): Promise<RoleBatchRow> {
  return context.transaction(async (tx) => {
    await tx.db.$queryRaw`SELECT 1 FROM "Application" WHERE "instanceId" = ${tx.instance.id} AND "id" = ${applicationId} FOR NO KEY UPDATE`;
    if (await tx.db.roleBatch.count({ where: { applicationId, status: { in: [...unfinished] } } }) >= mostUnfinished) throw tooManyBatches(mostUnfinished);
    const now = tx.now();
    return tx.db.roleBatch.create({ data: { id: newId('batch', now.getTime()), applicationId, operation, actor: storedActor(tx.principal), createdAt: now, progressedAt: now } });
  });
}

async function giveUp(context: InstanceContext, batchId: string, error: unknown): Promise<void> {
  await context.transaction(async (tx) => {
    const batch = await lockBatch(tx, batchId);
    if (batch?.status === 'receiving') await finishBatch(tx, batch, 'failed', `The upload was not taken: ${error instanceof Error ? error.message : 'it broke off'}`.slice(0, 500));
  }).catch((failure: unknown) => { context.core.log.warn({ err: failure, batchId }, 'A broken upload could not be marked; it is cleared away later'); });
}

interface Chunk { readonly text: string; readonly firstLine: number }

async function storeChunks(context: InstanceContext, batchId: string, upload: Upload): Promise<{ lines: number; chunks: number }> {
  const cutter = new LineCutter();
  let chunks = 0;
  async function store(chunk: Chunk | undefined): Promise<void> {
    if (!chunk) return;
    await context.transaction(async (tx) => {
      const { count } = await tx.db.roleBatch.updateMany({ where: { id: batchId, status: 'receiving' }, data: { received: cutter.count, progressedAt: tx.now() } });
      if (count === 0) throw wasCancelled();
      await tx.db.roleBatchChunk.create({ data: { batchId, number: chunks, firstLine: chunk.firstLine, lines: chunk.text } });
    });
    chunks += 1;
  }
  for await (const bytes of readable(upload)) {
    for (let rest = bytes; rest.length > 0;) {
      rest = cutter.take(rest);
      if (cutter.isFull) await store(cutter.cut());
    }
  }
  cutter.end();
  await store(cutter.cut());
  return { lines: cutter.count, chunks };
}

async function* readable({ body, gzip }: Upload): AsyncGenerator<Buffer> {
  // The errors of both streams arrive by the iteration.
  const source: Readable = gzip ? pipeline(body, createGunzip(), () => undefined) : body;
  try {
    for await (const bytes of source) yield bytes as Buffer;
  } catch (error) {
    throw batchUnreadable(gzip && error instanceof Error && 'code' in error && String(error.code).startsWith('Z_') ? 'The body is not gzip, or was cut off.' : 'The upload was cut off.');
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const newLine = 10;
const carriageReturn = 13;

/** Cuts bytes into lines and gathers those. */
class LineCutter {
  /** Lines that are not empty. */
  count = 0;
  #line = 0;
  #bytes = 0;
  #partial: Buffer[] = [];
  #partialLength = 0;
  #gathered: string[] = [];
  #gatheredCount = 0;
  #gatheredBytes = 0;
  #firstLine = 1;

  get isFull(): boolean {
    return this.#gatheredCount >= mostRows || this.#gatheredBytes >= chunkBytes;
  }

  /** Takes bytes until the gathered lines are a chunk; returns those left. */
  take(bytes: Buffer): Buffer {
    let from = 0;
    while (!this.isFull) {
      const end = bytes.indexOf(newLine, from);
      if (end < 0) break;
      this.#add(bytes.subarray(from, end));
      this.#endLine();
      from = end + 1;
    }
    if (this.isFull) return bytes.subarray(from);
    this.#add(bytes.subarray(from));
    return Buffer.alloc(0);
  }

  end(): void {
    if (this.#partialLength > 0) this.#endLine();
  }

  cut(): Chunk | undefined {
    const chunk = this.#gatheredCount > 0 ? { text: this.#gathered.join('\n'), firstLine: this.#firstLine } : undefined;
    this.#gathered = [];
    this.#gatheredCount = 0;
    this.#gatheredBytes = 0;
    this.#firstLine = this.#line + 1;
    return chunk;
  }

  #add(part: Buffer): void {
    this.#bytes += part.length + 1;
    this.#partialLength += part.length;
    if (this.#bytes > mostBytes) throw batchTooLarge(`The upload has more than ${mostBytes} bytes; send it in parts.`);
    if (this.#partialLength > longestLine) throw batchTooLarge(`Line ${this.#line + 1} has more than ${longestLine} bytes.`);
    if (part.length > 0) this.#partial.push(Buffer.from(part));
  }

  #endLine(): void {
    const line = textOf(Buffer.concat(this.#partial));
    this.#partial = [];
    this.#gatheredBytes += this.#partialLength + 1;
    this.#partialLength = 0;
    this.#line += 1;
    // Empty ones count here: a small packed file can hold any number of them.
    if (this.#line > mostLines) throw batchTooLarge(`The upload has more than ${mostLines} lines; send it in parts.`);
    this.#gathered.push(line);
    if (line.trim() === '') return;
    this.count += 1;
    this.#gatheredCount += 1;
  }
}

/** A line that is no text, or that a database cannot keep (NUL), becomes one that is no JSON, so that it fails by itself. */
function textOf(bytes: Buffer): string {
  try {
    const text = utf8.decode(bytes.at(-1) === carriageReturn ? bytes.subarray(0, -1) : bytes);
    return text.includes('\0') ? '(a line with NUL)' : text;
  } catch {
    return '(a line that is not UTF-8)';
  }
}
