/**
 * Works an upload off, chunk by chunk. A chunk's changes, its errors, its place in the batch and its own deletion are one
 * transaction: a crash repeats none of it and loses none of it. Whoever comes second waits for the batch's row and finds
 * the next chunk, so that it does no harm when two work on one.
 */
import { z } from 'zod';
import { findApplication, findResourceServer, grantedScopes } from '../../applications/index.ts';
import type { Core } from '../../core/core.ts';
import { Problem } from '../../core/errors.ts';
import { parseStrictJson } from '../../core/http/strict-json.ts';
import { isUserUsable } from '../../directory/index.ts';
import type { Prisma, RoleBatch as RoleBatchRow } from '../../generated/prisma/client.ts';
import { forEachInstance, instanceContext, key, type InstanceContext, type Principal, withPrincipal } from '../../tenancy/index.ts';
import { findRights } from '../rights.ts';
import { hasPermission } from '../roles.ts';
import { managementAudience } from '../scopes.ts';
import { finishBatch, lockBatch } from './batches.ts';
import { type Changes, changeAssignments } from './change-assignments.ts';
import type { RowFailure } from './resolve.ts';
import { type Operation, type Row, rowSchemas } from './rows.ts';
import { findStalledBatches } from './stalled-batches.ts';

export const batchJob = 'access.role-batch';
/** How long one job works at a time; then it makes room, and a stop need not wait for a million lines. */
const sliceMs = 5_000;
/** After which a batch that stands still is taken up again: its server died. */
export const stalledSeconds = 30;
const uploadSeconds = 3_600;
export const keptDays = 30;

const actorSchema = z.object({ kind: z.enum(['user', 'application', 'operator', 'system']), id: z.string().optional(), applicationId: z.string().optional(), sessionId: z.string().optional() });

/** Who uploads, as far as it is asked again while the batch runs. */
export function storedActor(principal: Principal): Prisma.InputJsonObject {
  const { kind } = principal;
  return {
    kind: kind === 'anonymous' ? 'system' : kind, ...('id' in principal && principal.id !== undefined && { id: principal.id }),
    ...(kind === 'user' && { ...(principal.applicationId !== undefined && { applicationId: principal.applicationId }), ...(principal.sessionId !== undefined && { sessionId: principal.sessionId }) }),
  };
}

/** Names the job, its look for batches that stand still, and the clearing away. */
export function workRoleBatches(core: Core): void {
  core.jobs.work(batchJob, async ({ instanceId, batchId }) => {
    const context = await instanceContext(core, instanceId, { principal: { kind: 'system' } });
    if (context) await workBatch(context, String(batchId));
  }, {
    retryLimit: 10, retryDelaySeconds: 2, concurrency: 2,
    onGivenUp: async ({ instanceId, batchId }) => {
      const context = await instanceContext(core, instanceId, { principal: { kind: 'system' } });
      await context?.transaction((tx) => failBatch(tx, String(batchId), 'It did not get on, however often it was tried; the log of the server says why.'));
    },
  });
  core.jobs.schedule('access.resume-role-batches', '* * * * *', () => resumeRoleBatches(core));
  core.jobs.schedule('access.purge-role-batches', '23 * * * *', () => forEachInstance(core, purgeBatches));
}

/**
 * Enqueues what waits or runs but stands still. A server that starts takes up all there is: of the one that was killed,
 * most likely; where another one is at it, the second worker does no harm.
 */
export async function resumeRoleBatches(core: Core, { stalledFor = stalledSeconds } = {}): Promise<void> {
  for (const { instanceId, id } of await findStalledBatches(core, stalledFor)) {
    const context = await instanceContext(core, instanceId, { principal: { kind: 'system' } });
    if (context) await core.jobs.enqueue(context.db, batchJob, { instanceId, batchId: id }, { singletonKey: id });
  }
}

async function failBatch(tx: InstanceContext, batchId: string, reason: string): Promise<void> {
  const batch = await lockBatch(tx, batchId);
  if (batch?.status === 'waiting' || batch?.status === 'running') await finishBatch(tx, batch, 'failed', reason);
}

/** Uploads whose sender went away with the server, and finished batches after their time. */
export async function purgeBatches(context: InstanceContext): Promise<void> {
  const now = context.now().getTime();
  const broken = await context.db.roleBatch.findMany({ where: { status: 'receiving', progressedAt: { lt: new Date(now - uploadSeconds * 1000) } }, select: { id: true }, take: 100 });
  for (const { id } of broken) {
    await context.transaction(async (tx) => {
      const batch = await lockBatch(tx, id);
      if (batch?.status === 'receiving') await finishBatch(tx, batch, 'failed', 'The upload broke off.');
    });
  }
  await context.db.roleBatch.deleteMany({ where: { finishedAt: { lt: new Date(now - keptDays * 86_400_000) } } });
}

/** Works for a slice of time, then leaves the rest to the next job. */
export async function workBatch(context: InstanceContext, batchId: string): Promise<void> {
  const end = performance.now() + sliceMs;
  while (await workChunk(context, batchId)) {
    if (performance.now() < end) continue;
    await context.core.jobs.enqueue(context.db, batchJob, { instanceId: context.instance.id, batchId }, { singletonKey: batchId });
    return;
  }
}

/** Whether there is more to do. */
async function workChunk(system: InstanceContext, batchId: string): Promise<boolean> {
  const worked = await system.transaction(async (tx): Promise<{ more: boolean; changes?: Changes }> => {
    const batch = await lockBatch(tx, batchId);
    if (!batch || (batch.status !== 'waiting' && batch.status !== 'running')) return { more: false };
    const stopped = await whyNotAllowed(system, batch);
    if (stopped) {
      await finishBatch(tx, batch, 'failed', stopped);
      return { more: false };
    }
    const chunk = await tx.db.roleBatchChunk.findUnique({ where: { instanceId_batchId_number: { instanceId: tx.instance.id, batchId, number: batch.nextChunk } } });
    if (!chunk) {
      await finishBatch(tx, batch, 'completed');
      return { more: false };
    }
    const changes = await applyChunk(tx, batch, chunk);
    return { more: true, changes };
  });
  worked.changes?.forget();
  return worked.more;
}

async function applyChunk(tx: InstanceContext, batch: RoleBatchRow, chunk: { number: number; firstLine: number; lines: string }): Promise<Changes> {
  const operation = batch.operation as Operation;
  const acting: InstanceContext = { ...tx, principal: principalOf(batch), requestId: batch.id };
  const lines = chunk.lines.split('\n').flatMap((text, at) => (text.trim() === '' ? [] : { line: chunk.firstLine + at, ...readRow(operation, text) }));
  const rows = lines.flatMap((each) => ('row' in each ? { line: each.line, row: each.row } : []));
  const changes = await changeAssignments(acting, batch.applicationId, operation, rows.map(({ row }) => row), { batchId: batch.id });
  const errors = [
    ...lines.flatMap((each) => ('failure' in each ? { line: each.line, failure: each.failure } : [])),
    ...changes.results.flatMap(({ failure }, at) => (failure ? { line: rows[at]?.line ?? 0, failure } : [])),
  ];
  if (errors.length > 0) await tx.db.roleBatchError.createMany({ data: errors.map(({ line, failure }) => ({ batchId: batch.id, line, code: failure.code, detail: failure.detail })) });
  await tx.db.roleBatchChunk.deleteMany({ where: { batchId: batch.id, number: chunk.number } });
  await tx.db.roleBatch.update({
    where: key(tx, batch.id),
    data: {
      status: 'running', nextChunk: batch.nextChunk + 1, done: batch.done + lines.length, failed: batch.failed + errors.length, changes: batch.changes + changes.count,
      progressedAt: tx.now(), ...(batch.startedAt === null && { startedAt: tx.now() }),
    },
  });
  return changes;
}

function readRow(operation: Operation, text: string): { row: Row } | { failure: RowFailure } {
  const refused = (detail: string) => ({ failure: { code: 'Params.Illegal', detail: detail.slice(0, 500) } });
  try {
    const read = rowSchemas[operation].safeParse(parseStrictJson(text));
    if (read.success) return { row: read.data };
    return refused(read.error.issues.map(({ path, message }) => (path.length > 0 ? `${path.join('.')}: ${message}` : message)).join('; '));
  } catch (error) {
    if (error instanceof Problem) return refused(error.detail.replaceAll('The body', 'The line'));
    throw error;
  }
}

function principalOf({ actor }: Pick<RoleBatchRow, 'actor'>): Principal {
  const { kind, id = '', applicationId, sessionId } = actorSchema.parse(actor);
  const scopes = ['role:manage'];
  switch (kind) {
    case 'user': return { kind, id, scopes, permissions: [], ...(applicationId !== undefined && { applicationId }), ...(sessionId !== undefined && { sessionId }) };
    case 'application': return { kind, id, scopes };
    case 'operator': return { kind };
    case 'system': return { kind };
  }
}

/** A right that was taken back since the upload ends the batch. */
async function whyNotAllowed(context: InstanceContext, batch: RoleBatchRow): Promise<string | undefined> {
  const principal = principalOf(batch);
  const applicationId = principal.kind === 'user' ? principal.applicationId : principal.kind === 'application' ? principal.id : undefined;
  if (applicationId !== undefined) {
    const application = await findApplication(context, applicationId);
    if (!application?.enabled) return 'The application that uploaded it is disabled or gone.';
    const api = await findResourceServer(context, managementAudience(context.instance.issuer));
    if (!api || !(await grantedScopes(context, application.id, api)).includes('role:manage')) return 'The application that uploaded it may not manage roles any more.';
  }
  if (principal.kind !== 'user') return undefined;
  if (!await isUserUsable(context, principal.id)) return 'The user who uploaded it may not act any more.';
  const rights = await findRights(withPrincipal(context, { kind: 'system' }), principal.id);
  return hasPermission(rights.everywhere, 'access.role-assignments.manage') ? undefined : 'The user who uploaded it may not manage role assignments any more.';
}
