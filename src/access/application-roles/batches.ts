/** Uploads of role changes: what is kept of them, and who may still be waiting for one. */
import { decodeCursor, pageFrom } from '../../core/http/paging.ts';
import { append } from '../../events/index.ts';
import type { RoleBatch as RoleBatchRow } from '../../generated/prisma/client.ts';
import { key, type InstanceContext } from '../../tenancy/index.ts';
import type { BatchStatus } from './batch-schemas.ts';
import { batchFinished, batchNotFound } from './errors.ts';
import type { Operation } from './rows.ts';

export const unfinished: readonly BatchStatus[] = ['receiving', 'waiting', 'running'];

/** @throws Problem 404, also for a batch of another application */
export async function loadBatch(context: InstanceContext, applicationId: string, batchId: string): Promise<RoleBatchRow> {
  const row = await context.db.roleBatch.findUnique({ where: key(context, batchId) });
  if (row?.applicationId !== applicationId) throw batchNotFound();
  return row;
}

export function viewBatch({ id, applicationId, operation, status, received, done, failed, changes, error, createdAt, startedAt, finishedAt }: RoleBatchRow) {
  return {
    id, applicationId, operation: operation as Operation, status: status as BatchStatus, received, done, failed, changes, error,
    createdAt: createdAt.toISOString(), startedAt: startedAt?.toISOString() ?? null, finishedAt: finishedAt?.toISOString() ?? null,
  };
}

interface Page { readonly limit: number; readonly cursor?: string | undefined }

/** A page of batches, newest first. */
export async function listBatches(context: InstanceContext, applicationId: string, { limit, cursor }: Page): Promise<{ items: RoleBatchRow[]; next: string | null }> {
  const { keyring } = context.core;
  const scope = `${context.instance.id}\nrole-batches\n${applicationId}`;
  const [before] = decodeCursor(keyring, scope, cursor) ?? [];
  const rows = await context.db.roleBatch.findMany({ where: { applicationId, ...(before !== undefined && { id: { lt: String(before) } }) }, orderBy: { id: 'desc' }, take: limit + 1 });
  return pageFrom(keyring, scope, rows, limit, (row) => [row.id]);
}

export interface BatchLineError { readonly line: number; readonly code: string; readonly detail: string }

/** A page of the lines that failed, in their order. */
export async function listBatchErrors(context: InstanceContext, applicationId: string, batchId: string, { limit, cursor }: Page): Promise<{ items: BatchLineError[]; next: string | null }> {
  const { keyring } = context.core;
  const scope = `${context.instance.id}\nrole-batch-errors\n${batchId}`;
  const [after] = decodeCursor(keyring, scope, cursor) ?? [];
  await loadBatch(context, applicationId, batchId);
  const rows = await readBatchErrors(context, batchId, Number(after ?? 0), limit + 1);
  return pageFrom(keyring, scope, rows, limit, (row) => [row.line]);
}

export function readBatchErrors(context: InstanceContext, batchId: string, afterLine: number, take: number): Promise<BatchLineError[]> {
  return context.db.roleBatchError.findMany({ where: { batchId, line: { gt: afterLine } }, orderBy: { line: 'asc' }, take, select: { line: true, code: true, detail: true } });
}

/** All failed lines as NDJSON, read while they are sent. */
export async function* exportBatchErrors(context: InstanceContext, batchId: string): AsyncGenerator<string> {
  for (let after = 0, last = -1; after !== last;) {
    const rows = await readBatchErrors(context, batchId, after, 1_000);
    last = after;
    after = rows.at(-1)?.line ?? after;
    if (rows.length > 0) yield rows.map((row) => `${JSON.stringify(row)}\n`).join('');
  }
}

/** What was applied stays; the rest is not. @throws Problem 404, 409 when it is finished */
export function cancelBatch(context: InstanceContext, applicationId: string, batchId: string): Promise<RoleBatchRow> {
  return context.transaction(async (tx) => {
    const batch = await lockBatch(tx, batchId);
    if (batch?.applicationId !== applicationId) throw batchNotFound();
    if (!unfinished.includes(batch.status as BatchStatus)) throw batchFinished(batch.status);
    return finishBatch(tx, batch, 'cancelled');
  });
}

/** Waits for the chunk that is being worked. */
export async function lockBatch(tx: InstanceContext, batchId: string): Promise<RoleBatchRow | null> {
  await tx.db.$queryRaw`SELECT 1 FROM "RoleBatch" WHERE "instanceId" = ${tx.instance.id} AND "id" = ${batchId} FOR UPDATE`;
  return tx.db.roleBatch.findUnique({ where: key(tx, batchId) });
}

/** The caller holds the lock. Lines that were not worked are dropped with it. */
export async function finishBatch(tx: InstanceContext, batch: RoleBatchRow, status: 'completed' | 'cancelled' | 'failed', error?: string): Promise<RoleBatchRow> {
  const after = await tx.db.roleBatch.update({ where: key(tx, batch.id), data: { status, finishedAt: tx.now(), ...(error !== undefined && { error }) } });
  await tx.db.roleBatchChunk.deleteMany({ where: { batchId: batch.id } });
  await append(tx, { type: `role_batch.${status}`, subject: { type: 'role_batch', id: batch.id }, before: viewBatch(batch), after: viewBatch(after) });
  return after;
}
