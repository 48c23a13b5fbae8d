/** Many tenants in one process: the rate when the load is spread over all of them, and the first request to a cold one. */
import { alternate, type Comparison, type Rounds, runRound } from './compare.ts';
import { coldInstances, connections, manyInstances } from './fixtures.ts';
import { type Measure, tokenRequest } from './kinds.ts';
import type { Usage } from './servers/parent.ts';
import { median } from './statistics.ts';
import type { Target } from './targets.ts';

export type TokenFormat = 'jwt' | 'opaque';

export interface ManyInstances extends Comparison {
  /** Memory of the server: with one instance used, with all, and after the load on all. */
  readonly residentBytes: { readonly before: number; readonly warm: number; readonly after: number };
}

/** One instance against a thousand that are asked in turn. */
export async function compareInstances(target: Target, format: TokenFormat, measure: Measure, rounds: Rounds): Promise<ManyInstances> {
  const kindOf = (requests: readonly string[]) => ({
    name: format,
    prepare: async ({ port }: Target, _measure: Measure, { seconds }: { seconds: number }) => ({ port, connections, seconds, status: 200, kind: 'repeat' as const, requests }),
  });
  const one = kindOf([tokenRequest(target, format)]);
  const many = kindOf(manyInstances.map((id) => tokenRequest(target, format, `/t/${id}`)));
  const resident = async () => (await target.child.ask<Usage>('usage')).residentBytes;
  const before = await resident();
  // Every instance is asked several times: what is measured is the load, not the cold start.
  await runRound(many, target, measure, Math.max(4, rounds.warmUpSeconds));
  const warm = await resident();
  const comparison = await alternate(() => runRound(one, target, measure, rounds.seconds), () => runRound(many, target, measure, rounds.seconds), rounds.count);
  return { ...comparison, residentBytes: { before, warm, after: await resident() } };
}

export interface ColdStart { readonly medianMs: number; readonly highestMs: number; readonly wallMs: number }

/** CPU time of the whole server process for the first token of an instance that nobody has asked since the start. */
export async function measureColdStart(target: Target, format: TokenFormat, measure: Measure): Promise<ColdStart> {
  const cpu: number[] = [];
  const wall: number[] = [];
  for (const id of coldInstances) {
    const before = await target.child.ask<Usage>('usage');
    const { p50 } = await measure({ port: target.port, connections: 1, seconds: 10, status: 200, kind: 'once', requests: [tokenRequest(target, format, `/t/${id}`)] });
    const after = await target.child.ask<Usage>('usage');
    cpu.push((after.cpuMicroseconds - before.cpuMicroseconds) / 1000);
    wall.push(p50);
  }
  return { medianMs: median(cpu), highestMs: Math.max(...cpu), wallMs: median(wall) };
}
