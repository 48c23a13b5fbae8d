/** Short rounds in turn, now the one and now the other first, so that a slow minute of the machine hits both. */
import path from 'node:path';
import type { Kind, Measure } from './kinds.ts';
import type { Measured } from './load/plan.ts';
import type { Usage } from './servers/parent.ts';
import { median } from './statistics.ts';
import type { Target } from './targets.ts';

export interface Rounds { readonly count: number; readonly seconds: number; readonly warmUpSeconds: number }

export interface Round extends Measured {
  /** Microseconds of the server process for a request; without PostgreSQL's own. */
  readonly cpu: number;
  /** Statements for a request under load, where callers share them. */
  readonly statements: number;
}

/** One side over all its rounds: medians. */
export type Side = Pick<Round, 'perSecond' | 'p50' | 'p99' | 'cpu' | 'statements'>;

export interface Comparison {
  readonly yardstick: Side;
  readonly subject: Side;
  /** Rate of the subject by that of the yardstick, for each pair of rounds; the median decides. */
  readonly ratio: { readonly median: number; readonly lowest: number; readonly highest: number };
}

export async function alternate(yardstick: () => Promise<Round>, subject: () => Promise<Round>, count: number): Promise<Comparison> {
  const pairs: { yardstick: Round; subject: Round }[] = [];
  while (pairs.length < count) {
    if (pairs.length % 2 === 0) {
      const first = await yardstick();
      pairs.push({ yardstick: first, subject: await subject() });
    } else {
      const first = await subject();
      pairs.push({ subject: first, yardstick: await yardstick() });
    }
  }
  const ratios = pairs.map((pair) => pair.subject.perSecond / pair.yardstick.perSecond);
  return {
    yardstick: summarize(pairs.map((pair) => pair.yardstick)), subject: summarize(pairs.map((pair) => pair.subject)),
    ratio: { median: median(ratios), lowest: Math.min(...ratios), highest: Math.max(...ratios) },
  };
}

/** Postern against the yardstick. */
export async function compare(kind: Kind, targets: { yardstick: Target; postern: Target }, measure: Measure, rounds: Rounds): Promise<Comparison> {
  for (const target of [targets.yardstick, targets.postern]) await runRound(kind, target, measure, rounds.warmUpSeconds);
  return alternate(
    () => runRound(kind, targets.yardstick, measure, rounds.seconds),
    () => runRound(kind, targets.postern, measure, rounds.seconds), rounds.count);
}

export async function runRound(kind: Omit<Kind, 'target'>, target: Target, measure: Measure, seconds: number): Promise<Round> {
  const plan = await kind.prepare(target, measure, { seconds });
  if (target.profileFolder !== undefined) await target.child.ask('startProfile');
  const before = await target.child.ask<Usage>('usage');
  const measured = await measure(plan);
  const after = await target.child.ask<Usage>('usage');
  if (target.profileFolder !== undefined) await target.child.ask('writeProfile', path.join(target.profileFolder, `${target.name}-${kind.name.replaceAll(/\W+/g, '-')}.cpuprofile`));
  kind.finish?.(target, measured);
  process.stderr.write(`  ${target.name}: ${Math.round(measured.perSecond)}/s
`);
  return {
    ...measured,
    cpu: (after.cpuMicroseconds - before.cpuMicroseconds) / measured.requests,
    statements: (after.statements - before.statements) / measured.requests,
  };
}

/** Statements of one request when nobody else calls: the median of some, because jobs run beside. */
export async function countStatements(kind: Kind, target: Target, measure: Measure, times = 15): Promise<number> {
  const plan = await kind.prepare(target, measure, { seconds: 0.1 });
  const counts: number[] = [];
  let { tokens } = plan.kind === 'refresh' ? plan : { tokens: [] };
  for (let time = 0; time < times; time += 1) {
    const before = await target.child.ask<Usage>('usage');
    const measured = await measure({
      ...plan, ...(plan.kind === 'refresh' ? { tokens } : { requests: plan.requests.slice(time, time + 1).concat(plan.requests).slice(0, 1) }), connections: 1, limit: 1, seconds: 5,
    } as typeof plan);
    tokens = measured.captured;
    counts.push((await target.child.ask<Usage>('usage')).statements - before.statements);
  }
  return median(counts);
}

function summarize(rounds: readonly Round[]): Side {
  const of = (read: (round: Round) => number) => median(rounds.map(read));
  return { perSecond: of((round) => round.perSecond), p50: of((round) => round.p50), p99: of((round) => round.p99), cpu: of((round) => round.cpu), statements: of((round) => round.statements) };
}
