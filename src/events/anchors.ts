/**
 * Heads of the chains, kept outside the database: lines of JSON, appended to `<data directory>/event-heads`. Who cuts
 * the tail of a chain, or puts an old head back, would have to change this file too. Each server keeps those that it
 * sealed itself.
 */
import { createReadStream } from 'node:fs';
import { appendFile, mkdir, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import type { ChainHead } from './chain-head.ts';

/** Beyond this size the file moves to `event-heads.1`, and the new one begins with the last head of each chain. */
const largestFileBytes = 8 * 1024 * 1024;

const integer = z.string().regex(/^\d{1,19}$/).transform(BigInt);
const line = z.object({
  instanceId: z.string(), position: integer, transactionId: integer, sequence: integer, hash: z.string(),
});

/** The anchor file of a data directory. */
export const anchorFile = (dataDirectory: string) => join(dataDirectory, 'event-heads');

/** Appends heads in one write. */
export async function appendAnchors(dataDirectory: string, heads: readonly ChainHead[], maximumBytes = largestFileBytes): Promise<void> {
  await mkdir(dataDirectory, { recursive: true, mode: 0o700 });
  const file = anchorFile(dataDirectory);
  if (await sizeOf(file) > maximumBytes) await startNewFile(dataDirectory, file);
  await appendFile(file, toLines(heads), { mode: 0o600 });
}

/** All heads that are still kept, the oldest first. A line that a crash cut short is passed over. */
export async function* readAnchors(dataDirectory: string): AsyncGenerator<ChainHead> {
  for (const file of [`${anchorFile(dataDirectory)}.1`, anchorFile(dataDirectory)]) {
    if (await sizeOf(file) === 0) continue;
    for await (const text of createInterface({ input: createReadStream(file), crlfDelay: Number.POSITIVE_INFINITY })) {
      const parsed = line.safeParse(parseJson(text));
      if (parsed.success) yield parsed.data;
    }
  }
}

/** The last kept head of each chain. */
export async function lastAnchors(dataDirectory: string): Promise<Map<string, ChainHead>> {
  const last = new Map<string, ChainHead>();
  for await (const head of readAnchors(dataDirectory)) last.set(head.instanceId, head);
  return last;
}

async function startNewFile(dataDirectory: string, file: string): Promise<void> {
  const last = await lastAnchors(dataDirectory);
  await writeFile(`${file}.new`, toLines([...last.values()]), { mode: 0o600, flush: true });
  await rename(file, `${file}.1`);
  await rename(`${file}.new`, file);
}

function toLines(heads: readonly ChainHead[]): string {
  return heads.map(({ instanceId, position, transactionId, sequence, hash }) => `${JSON.stringify({
    instanceId, position: String(position), transactionId: String(transactionId), sequence: String(sequence), hash,
  })}\n`).join('');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function sizeOf(file: string): Promise<number> {
  return stat(file).then((found) => found.size, () => 0);
}
