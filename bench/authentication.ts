/**
 * Sign-ins: `node bench/authentication.ts`. Options: --rounds=3 --seconds=4 --storm=8 (seconds; 60 for the whole test).
 * Password sign-ins beside argon2id alone, what one costs, tokens during a login storm, and the weight of the pages.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { TOTP } from 'otpauth';
import { freePort } from '../test/support/free-port.ts';
import { type Child, startChild } from './children.ts';
import { machine, totpUser } from './fixtures.ts';
import type { SignedIn, SignInPlan } from './load/sign-ins.ts';
import { weighPages } from './page-weight.ts';
import type { Hashed } from './servers/hashing.ts';
import type { Usage } from './servers/parent.ts';
import { median, quantile } from './statistics.ts';
import { fixed, table, verdict, whole } from './table.ts';

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '3' }, seconds: { type: 'string', default: '4' }, storm: { type: 'string', default: '8' } } });
const [rounds, seconds, stormSeconds] = [Number(values.rounds), Number(values.seconds), Number(values.storm)];

const children: Child[] = [];
const dataDirectory = await mkdtemp(path.join(tmpdir(), 'postern-bench-'));
const start = async (file: string, argument: object = {}): Promise<Child> => {
  const child = await startChild(file, argument);
  children.push(child);
  return child;
};
const timer = setTimeout(() => { console.error('The run takes too long: stopped.'); void end(1); }, 15 * 60_000).unref();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void end(1));

async function end(code: number): Promise<never> {
  clearTimeout(timer);
  await Promise.all(children.map((child) => child.stop()));
  await rm(dataDirectory, { recursive: true, force: true });
  process.exit(code);
}

try {
  await run();
  await end(0);
} catch (error) {
  console.error(error);
  await end(1);
}

async function run(): Promise<void> {
  console.log(`${cpus().length} × ${cpus()[0]?.model ?? 'processor'}, Node ${process.version}; ${rounds} rounds of ${seconds} s\n`);
  const port = await freePort();
  process.stderr.write('seeding\n');
  const seeder = await start('servers/seed-authentication.ts', { port, dataDirectory });
  const applicationId = await seeder.ask<string>('applicationId');
  await seeder.stop();
  const [server, hashing, load] = [await start('servers/postern.ts', { port, dataDirectory }), await start('servers/hashing.ts'), await start('load/sign-ins.ts')];
  const signIns = (plan: Omit<SignInPlan, 'port' | 'applicationId'>) => load.ask<SignedIn>('signIns', { port, applicationId, ...plan });

  await signIns({ concurrency: 4, seconds: 3 });                      // warm
  const hashMicroseconds = await printRate(server, hashing, signIns);
  await printOne(server, signIns, hashMicroseconds);
  await printStorm(port, signIns);
  await printPages(port);
}

type SignIns = (plan: Omit<SignInPlan, 'port' | 'applicationId'>) => Promise<SignedIn>;

/** Returns the CPU of one hash, in microseconds. */
async function printRate(server: Child, hashing: Child, signIns: SignIns): Promise<number> {
  const pairs: { alone: Hashed; sign: SignedIn; cpu: number }[] = [];
  for (let round = 0; round < rounds; round += 1) {
    process.stderr.write(`rate: round ${round + 1}\n`);
    const alone = await hashing.ask<Hashed>('hash', seconds);
    const before = await server.ask<Usage>('usage');
    const sign = await signIns({ concurrency: 12, seconds });
    pairs.push({ alone, sign, cpu: ((await server.ask<Usage>('usage')).cpuMicroseconds - before.cpuMicroseconds) / sign.done });
  }
  const ratios = pairs.map(({ alone, sign }) => sign.perSecond / alone.perSecond);
  const of = (read: (pair: (typeof pairs)[number]) => number) => median(pairs.map(read));
  console.log(table(['argon2id alone /s', 'sign-ins /s', 'ratio (lowest–highest)', 'p50 / p99 ms', 'CPU µs, hash / sign-in', 'goal', ''], [[
    fixed(of(({ alone }) => alone.perSecond), 1), fixed(of(({ sign }) => sign.perSecond), 1), `${fixed(median(ratios), 2)} (${fixed(Math.min(...ratios), 2)}–${fixed(Math.max(...ratios), 2)})`,
    `${whole(of(({ sign }) => sign.p50))} / ${whole(of(({ sign }) => sign.p99))}`, `${whole(of(({ alone }) => alone.cpuMicroseconds))} / ${whole(of(({ cpu }) => cpu))}`, '≥ 0.90', verdict(median(ratios) >= 0.9)]]));
  return of(({ alone }) => alone.cpuMicroseconds);
}

/** What one sign-in costs when nobody else calls. */
async function printOne(server: Child, signIns: SignIns, hashMicroseconds: number): Promise<void> {
  const totp = new TOTP({ secret: totpUser.secret });
  const one = async (times: number, plan: () => Partial<SignInPlan>) => {
    const costs: { statements: number; cpu: number }[] = [];
    for (let time = 0; time < times; time += 1) {
      const more = plan();
      const before = await server.ask<Usage>('usage');
      await signIns({ concurrency: 1, seconds: 30, limit: 1, ...more });
      const after = await server.ask<Usage>('usage');
      costs.push({ statements: after.statements - before.statements, cpu: after.cpuMicroseconds - before.cpuMicroseconds });
    }
    return { statements: median(costs.map(({ statements }) => statements)), cpu: median(costs.map(({ cpu }) => cpu)) };
  };
  process.stderr.write('one sign-in\n');
  const password = await one(15, () => ({}));
  // A code works once: three time steps are accepted at any moment, so three sign-ins in a row.
  let step = -1;
  const both = await one(3, () => {
    const code = totp.generate({ timestamp: Date.now() + 30_000 * step });
    step += 1;
    return { totp: { username: totpUser.username, codes: [code] } };
  });
  const row = (name: string, { statements, cpu }: typeof password) => [name, fixed(statements, 0), whole(cpu), `${fixed((hashMicroseconds / cpu) * 100, 0)} %`, '> 80 %', verdict(hashMicroseconds / cpu > 0.8)];
  console.log(`\n${table(['a whole sign-in', 'statements', 'CPU µs', 'of it the hash', 'goal', ''], [row('password', password), row('password and TOTP', both)])}`);
}

/** Tokens for a machine at an even pace, first alone, then while more people sign in than can be hashed. */
async function printStorm(port: number, signIns: SignIns): Promise<void> {
  process.stderr.write('storm\n');
  const idle = await paceTokens(port, Math.min(stormSeconds, 10));
  const [storm, during] = await Promise.all([signIns({ concurrency: 48, seconds: stormSeconds }), pause(500).then(() => paceTokens(port, stormSeconds - 1))]);
  const ratio = during.p99 / idle.p99;
  console.log(`\n${table(['client_credentials, 25 a second', 'p50 ms', 'p99 ms', 'goal', ''], [
    ['idle', fixed(idle.p50, 1), fixed(idle.p99, 1), '', ''],
    [`login storm of ${stormSeconds} s: ${whole(storm.done)} signed in, ${whole(storm.busy)} told to come back`, fixed(during.p50, 1), fixed(during.p99, 1), '≤ 2 × idle', `${verdict(ratio <= 2)} (${fixed(ratio, 1)} ×)`]])}`);
}

async function paceTokens(port: number, forSeconds: number): Promise<{ p50: number; p99: number }> {
  const authorization = `Basic ${Buffer.from(`${machine.id}:${machine.secret}`).toString('base64')}`;
  const times: number[] = [];
  const one = async () => {
    const at = performance.now();
    const answer = await fetch(`http://127.0.0.1:${port}/t/default/oauth2/token`, { method: 'POST', headers: { authorization }, body: new URLSearchParams({ grant_type: 'client_credentials' }) });
    if (!answer.ok) throw new Error(`no token: ${answer.status} ${await answer.text()}`);
    await answer.arrayBuffer();
    times.push(performance.now() - at);
  };
  const running: Promise<void>[] = [];
  for (const end = performance.now() + forSeconds * 1_000; performance.now() < end;) {
    running.push(one());
    await pause(40);
  }
  await Promise.all(running);
  const sorted = times.toSorted((left, right) => left - right);
  return { p50: quantile(sorted, 0.5), p99: quantile(sorted, 0.99) };
}

async function printPages(port: number): Promise<void> {
  process.stderr.write('pages\n');
  const pages = await weighPages(`http://127.0.0.1:${port}`);
  console.log(`\n${table(['page, compressed bytes', 'HTML', 'CSS', 'script', 'goal', ''], pages.map(({ name, html, css, script }) => [
    name, whole(html), whole(css), whole(script), 'HTML + CSS ≤ 20 kB, script ≤ 10 kB', verdict(html + css <= 20_000 && script <= 10_000)]))}`);
}
