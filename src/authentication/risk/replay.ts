/**
 * What a draft of the policy would have changed: the measurements of the last days, judged once more. Reads one index in
 * portions; small ones are answered at once, large ones become a job.
 */
import { firstIdOf, newId } from '../../core/ids.ts';
import { append } from '../../events/index.ts';
import type { Prisma, RiskReplay } from '../../generated/prisma/client.ts';
import type { Core } from '../../core/core.ts';
import { instanceContext, key, riskPolicySchema, type InstanceContext, type RiskPolicy } from '../../tenancy/index.ts';
import { replayNotFound } from './errors.ts';
import { riskReplayed } from './events.ts';
import { judge, measurementsSchema, type RiskAction, riskActions } from './policy.ts';

export const replayJob = 'risk.replay';

/** Up to this many are judged while the caller waits. */
const atOnce = 5_000;
/** And no more than this by a job: the newest. */
const mostAssessments = 1_000_000;
const portion = 1_000;
const samplesPerChange = 10;

export interface ReplayResult {
  /** How many were judged; fewer than there are: the newest. */
  readonly assessments: number;
  readonly complete: boolean;
  /** By action: what was asked for (or would have been, where it was only observed), and what the draft asks for. */
  readonly before: Readonly<Record<RiskAction, number>>;
  readonly after: Readonly<Record<RiskAction, number>>;
  readonly changed: readonly { readonly from: RiskAction; readonly to: RiskAction; readonly count: number; readonly samples: readonly ReplaySample[] }[];
}
export interface ReplaySample { readonly assessmentId: string; readonly userId: string | null; readonly createdAt: string; readonly scoreBefore: number; readonly scoreAfter: number; readonly reasons: readonly string[] }

export interface ReplayRequest { readonly days: number; readonly policy: RiskPolicy; readonly until: string }

/** Begins a replay; done when it is small. */
export async function startReplay(context: InstanceContext, { days, policy }: { days: number; policy: RiskPolicy }): Promise<RiskReplay> {
  const now = context.now();
  const request: ReplayRequest = { days, policy, until: newId('risk', now.getTime()) };
  const few = await context.db.riskAssessment.findMany({ where: { id: { gte: firstId(now, days) } }, select: { id: true }, take: atOnce + 1 });
  const result = few.length <= atOnce ? await replay(context, request) : undefined;
  return context.transaction(async (tx) => {
    const row = await tx.db.riskReplay.create({ data: {
      id: newId('replay', now.getTime()), status: result ? 'done' : 'queued', request: request as unknown as Prisma.InputJsonObject,
      ...(result && { result: result as unknown as Prisma.InputJsonObject, finishedAt: tx.now() }), createdAt: now } });
    await append(tx, riskReplayed(row.id, { days, assessments: few.length }));
    if (!result) await tx.core.jobs.enqueue(tx.db, replayJob, { instanceId: tx.instance.id, replayId: row.id });
    return row;
  });
}

/** @throws Problem 404 */
export async function loadReplay(context: InstanceContext, replayId: string): Promise<RiskReplay> {
  const row = await context.db.riskReplay.findUnique({ where: key(context, replayId) });
  if (!row) throw replayNotFound();
  return row;
}

export function registerReplayWorker(core: Core): void {
  const run = async (instanceId: string, replayId: string, work: (context: InstanceContext, row: RiskReplay) => Promise<Prisma.RiskReplayUpdateInput>) => {
    const context = await instanceContext(core, instanceId);
    const row = await context?.db.riskReplay.findFirst({ where: { id: replayId, status: 'queued' } });
    if (context && row) await context.db.riskReplay.update({ where: key(context, replayId), data: { ...await work(context, row), finishedAt: context.now() } });
  };
  core.jobs.work(replayJob, ({ instanceId, replayId }) => run(instanceId, String(replayId), async (context, row) => {
    const { days, until, policy } = row.request as unknown as ReplayRequest;
    return { status: 'done', result: await replay(context, { days, until, policy: riskPolicySchema.parse(policy) }) as unknown as Prisma.InputJsonObject };
  }), { retryLimit: 2, concurrency: 1, onGivenUp: ({ instanceId, replayId }) => run(instanceId, String(replayId), async () => ({ status: 'failed' })) });
}

async function replay(context: InstanceContext, { days, policy, until }: ReplayRequest): Promise<ReplayResult> {
  const before = Object.fromEntries(riskActions.map((action) => [action, 0])) as Record<RiskAction, number>;
  const after = { ...before };
  const changes = new Map<string, { from: RiskAction; to: RiskAction; count: number; samples: ReplaySample[] }>();
  const first = firstId(context.now(), days);
  let assessments = 0;
  let last = until;
  for (;;) {
    const rows = await context.db.riskAssessment.findMany({
      where: { id: { gte: first, lt: last } }, orderBy: { id: 'desc' }, take: portion, select: { id: true, userId: true, createdAt: true, score: true, action: true, measurements: true } });
    for (const row of rows) {
      const judgement = judge(measurementsSchema.parse(row.measurements), policy);
      const [from, to] = [row.action as RiskAction, judgement.action];
      before[from] += 1;
      after[to] += 1;
      if (from === to) continue;
      const change = changes.get(`${from} ${to}`) ?? { from, to, count: 0, samples: [] };
      changes.set(`${from} ${to}`, change);
      change.count += 1;
      if (change.samples.length < samplesPerChange) change.samples.push({
        assessmentId: row.id, userId: row.userId, createdAt: row.createdAt.toISOString(), scoreBefore: row.score, scoreAfter: judgement.score, reasons: judgement.reasons.map(({ text }) => text) });
    }
    assessments += rows.length;
    last = rows.at(-1)?.id ?? last;
    if (rows.length < portion) return { assessments, complete: true, before, after, changed: [...changes.values()] };
    if (assessments >= mostAssessments) return { assessments, complete: false, before, after, changed: [...changes.values()] };
  }
}

/** Ids are ordered by time, so the key itself is the index. */
const firstId = (now: Date, days: number): string => firstIdOf('risk', now.getTime() - days * 86_400_000);
