/**
 * Measures Postern beside its yardstick and prints a table: `npm run bench`. Options: --rounds=4 --seconds=5
 * --only=<part of a name> (also "instances", "start"), --users=<number> (of an instance beside, in the same tables), --profile=<folder> (CPU profiles of the rounds). What is measured and how to read it: docs/performance.md.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { freePort } from '../test/support/free-port.ts';
import { type Child, startChild } from './children.ts';
import { compare, type Comparison, countStatements, type Rounds } from './compare.ts';
import { compareInstances, measureColdStart } from './instances.ts';
import { type Kind, kinds, type Measure } from './kinds.ts';
import type { Measured } from './load/plan.ts';
import { measureStartUp } from './start-up.ts';
import { fixed, megabytes, table, verdict, whole } from './table.ts';
import { signEverybodyIn, type Target } from './targets.ts';

/** Longer than any run; whatever hangs is ended then. */
const longestMs = 30 * 60_000;

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '4' }, seconds: { type: 'string', default: '5' }, only: { type: 'string', default: '' }, users: { type: 'string', default: '0' }, profile: { type: 'string' } } });
const rounds: Rounds = { count: Number(values.rounds), seconds: Number(values.seconds), warmUpSeconds: Math.max(5, Number(values.seconds)) };
const isWanted = (name: string) => name.includes(values.only);

const children: Child[] = [];
const dataDirectory = await mkdtemp(path.join(tmpdir(), 'postern-bench-'));
const timer = setTimeout(() => { console.error('The run takes too long: stopped.'); void end(1); }, longestMs).unref();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void end(1));

try {
  await run();
  await end(0);
} catch (error) {
  console.error(error);
  await end(1);
}

async function end(code: number): Promise<never> {
  clearTimeout(timer);
  await Promise.all(children.map((child) => child.stop()));
  await rm(dataDirectory, { recursive: true, force: true });
  process.exit(code);
}

async function start(file: string, argument: object = {}): Promise<Child> {
  const child = await startChild(file, argument);
  children.push(child);
  return child;
}

async function run(): Promise<void> {
  console.log(`${cpus().length} × ${cpus()[0]?.model ?? 'processor'}, Node ${process.version}; ${rounds.count} rounds of ${rounds.seconds} s each, 32 connections\n`);
  const load = await start('load/generate.ts');
  const measure: Measure = (plan) => load.ask<Measured>('measure', plan);
  const [yardstickPort, posternPort] = [await freePort(), await freePort()];
  process.stderr.write('seeding\n');
  await (await start('servers/seed.ts', { port: posternPort, dataDirectory, users: Number(values.users) })).stop();
  const postern: Target = { name: 'Postern', port: posternPort, base: '/t/default', child: await start('servers/postern.ts', { port: posternPort, dataDirectory }), sessions: [], profileFolder: values.profile };
  const wanted = kinds.filter(({ name }) => isWanted(name));
  if (wanted.length > 0) {
    const yardstick: Target = { name: 'oidc-provider', port: yardstickPort, base: '', child: await start('servers/yardstick.ts', { port: yardstickPort }), sessions: [], profileFolder: values.profile };
    for (const target of [yardstick, postern]) await signEverybodyIn(target);
    await printKinds(wanted, { yardstick, postern }, measure);
    await yardstick.child.stop();
  }
  if (isWanted('instances')) await printInstances(postern, measure);
  await postern.child.stop();
  if (isWanted('start')) await printStartUp();
}

async function printKinds(wanted: readonly Kind[], targets: { yardstick: Target; postern: Target }, measure: Measure): Promise<void> {
  const compared: (Comparison & Kind & { alone: number })[] = [];
  for (const kind of wanted) {
    process.stderr.write(`measuring: ${kind.name}\n`);
    compared.push({ ...kind, ...await compare(kind, targets, measure, rounds), alone: await countStatements(kind, targets.postern, measure) });
  }
  console.log(table(
    ['request', 'oidc-provider /s', 'Postern /s', 'ratio (lowest–highest)', 'p50 / p99 ms', 'its p50 / p99', 'target', ''],
    compared.map(({ name, target, yardstick, subject, ratio }) => [
      name, whole(yardstick.perSecond), whole(subject.perSecond), `${fixed(ratio.median, 2)} (${fixed(ratio.lowest, 2)}–${fixed(ratio.highest, 2)})`,
      `${fixed(subject.p50, 1)} / ${fixed(subject.p99, 1)}`, `${fixed(yardstick.p50, 1)} / ${fixed(yardstick.p99, 1)}`, `≥ ${fixed(target, 2)}`, verdict(ratio.median >= target),
    ])));
  console.log(`\n${table(
    ['request', 'CPU µs of oidc-provider', 'CPU µs of Postern', 'statements alone', 'statements under load'],
    compared.map(({ name, yardstick, subject, alone }) => [name, whole(yardstick.cpu), whole(subject.cpu), fixed(alone, 0), fixed(subject.statements, 2)]))}\n`);
}

async function printInstances(postern: Target, measure: Measure): Promise<void> {
  const rows: string[][] = [];
  for (const format of ['opaque', 'jwt'] as const) {
    process.stderr.write(`measuring: 1,000 instances, ${format}\n`);
    const { yardstick: one, subject: many, ratio, residentBytes } = await compareInstances(postern, format, measure, rounds);
    rows.push([
      format, whole(one.perSecond), whole(many.perSecond), `${fixed(ratio.median, 2)} (${fixed(ratio.lowest, 2)}–${fixed(ratio.highest, 2)})`, '≥ 0.50', verdict(ratio.median >= 0.5),
      `${fixed(one.p99, 1)} / ${fixed(many.p99, 1)}`, '< 5×', verdict(many.p99 < 5 * one.p99),
      `${megabytes(residentBytes.before)} → ${megabytes(residentBytes.warm)} → ${megabytes(residentBytes.after)}`,
    ]);
  }
  console.log(table(['tokens', 'one instance /s', '1,000 instances /s', 'ratio (lowest–highest)', 'target', '', 'p99 ms one / 1,000', 'target', '', 'memory one → all used → after load'], rows));
  const cold = await measureColdStart(postern, 'jwt', measure);
  console.log(`\nFirst request to a cold instance: ${fixed(cold.medianMs, 1)} ms of CPU (highest ${fixed(cold.highestMs, 1)}), ${fixed(cold.wallMs, 1)} ms until the answer; target < 50: ${verdict(cold.highestMs < 50)}`);
}

async function printStartUp(): Promise<void> {
  process.stderr.write('measuring: start\n');
  const { seconds, idleBytes } = await measureStartUp({ dataDirectory, port: await freePort(), starts: 3, idleSeconds: 75 });
  const slowest = Math.max(...seconds);
  console.log(`Start to ready with existing data: ${seconds.map((value) => fixed(value, 2)).join(', ')} s; target < 3: ${verdict(slowest < 3)}`);
  console.log(`Memory of the idle server: ${megabytes(idleBytes)}; target < 200 MB: ${verdict(idleBytes < 200e6)}`);
}
