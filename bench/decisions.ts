/**
 * Decisions beside the bare framework: `node bench/decisions.ts`. Options: --rounds=4 --seconds=4 --profile=<folder>.
 * The yardstick says hello and knows nobody; Postern checks an access token, limits, policies and a role for each answer.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { freePort } from '../test/support/free-port.ts';
import { type Child, startChild } from './children.ts';
import { alternate, runRound } from './compare.ts';
import { connections, machine, web } from './fixtures.ts';
import type { Measure } from './kinds.ts';
import type { Measured, Plan } from './load/plan.ts';
import { fixed, table, verdict, whole } from './table.ts';
import { formPost, type Target } from './targets.ts';

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '4' }, seconds: { type: 'string', default: '4' }, profile: { type: 'string' } } });
const [count, seconds] = [Number(values.rounds), Number(values.seconds)];
const batch = 20;

const children: Child[] = [];
const dataDirectory = await mkdtemp(path.join(tmpdir(), 'postern-bench-'));
const start = async (file: string, argument: object = {}): Promise<Child> => {
  const child = await startChild(file, argument);
  children.push(child);
  return child;
};
const timer = setTimeout(() => { console.error('The run takes too long: stopped.'); void end(1); }, 15 * 60_000).unref();

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
  console.log(`${cpus().length} × ${cpus()[0]?.model ?? 'processor'}, Node ${process.version}; ${count} rounds of ${seconds} s each, ${connections} connections\n`);
  const load = await start('load/generate.ts');
  const measure: Measure = (plan) => load.ask<Measured>('measure', plan);
  const [helloPort, port] = [await freePort(), await freePort()];
  const target = (name: string, child: Child, base: string, at: number): Target => ({ name, port: at, base, child, sessions: [], profileFolder: values.profile });
  await (await start('servers/seed-decisions.ts', { port, dataDirectory })).stop();
  const hello = target('fastify', await start('servers/hello.ts', { port: helloPort }), '', helloPort);
  const postern = target('Postern', await start('servers/postern.ts', { port, dataDirectory }), '/t/default', port);

  const tokenAnswer = await measure({ port, connections: 1, seconds: 2, limit: 1, status: 200, kind: 'once', requests: [formPost(postern, '/oauth2/token', machine, { grant_type: 'client_credentials' })], capture: { after: '"access_token":"', before: '"' } });
  const token = tokenAnswer.captured[0] ?? '';
  const api = async (method: string, below: string, body?: object) => {
    const answer = await fetch(`http://127.0.0.1:${port}/t/default/api/v1${below}`, { method, headers: { authorization: `Bearer ${token}`, ...(body && { 'content-type': 'application/json' }) }, ...(body && { body: JSON.stringify(body) }) });
    if (!answer.ok) throw new Error(`${method} ${below}: ${answer.status} ${await answer.text()}`);
    return (answer.status === 204 ? {} : await answer.json()) as Record<string, unknown>;
  };
  const people = ((await api('GET', '/users?username=bench-user&limit=100'))['items'] as { id: string }[]).map(({ id }) => id);
  const subjectOf = (index: number) => ({ type: 'user', id: people[index % people.length] ?? '' });
  const resource = { type: 'application', id: web.id };

  const request = (server: Target, below: string, body: object, headers = '') => {
    const text = JSON.stringify(body);
    return `POST ${server.base}${below} HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\n${headers}Content-Type: application/json\r\nContent-Length: ${text.length}\r\n\r\n${text}`;
  };
  const bearer = `Authorization: Bearer ${token}\r\n`;
  const plan = (server: Target, requests: string[]): Plan => ({ port: server.port, connections, seconds, status: 200, kind: 'repeat', requests });
  const questions = (action: string, context?: object) => people.map((_id, index) => ({ subject: subjectOf(index), action: { name: action }, resource, ...(context && { context }) }));
  const helloPosts = questions('open').map((body) => request(hello, '/hello', body));
  const kinds: { name: string; yardstick: string[]; requests: string[]; perRequest: number }[] = [];
  const add = (name: string, yardstick: string[], bodies: object[], below = '/access/v1/evaluation', perRequest = 1) =>
    kinds.push({ name, yardstick, requests: bodies.map((body) => request(postern, below, body, bearer)), perRequest });
  const helloGet = [`GET /hello HTTP/1.1\r\nHost: 127.0.0.1:${hello.port}\r\n\r\n`];

  const compareKind = async ({ name, yardstick, requests, perRequest }: (typeof kinds)[number]) => {
    process.stderr.write(`measuring: ${name}\n`);
    const round = (server: Target, list: string[]) => () => runRound({ name, prepare: async () => plan(server, list) }, server, measure, seconds);
    await round(hello, yardstick)();
    await round(postern, requests)();
    const { yardstick: its, subject, ratio } = await alternate(round(hello, yardstick), round(postern, requests), count);
    return [name, whole(its.perSecond), whole(subject.perSecond), `${fixed(ratio.median, 2)} (${fixed(ratio.lowest, 2)}–${fixed(ratio.highest, 2)})`, whole(subject.perSecond * perRequest),
      whole(its.cpu), whole(subject.cpu), fixed(subject.statements, 2), fixed(subject.p99, 1), verdict(ratio.median * perRequest >= 0.5)];
  };
  const rows: string[][] = [];
  add('open, no policies, beside GET', helloGet, questions('open'));
  add('open, no policies', helloPosts, questions('open'));
  for (const kind of kinds) rows.push(await compareKind(kind));

  const zone = (await api('POST', '/network-zones', { name: 'office', ipv4Cidrs: ['203.0.113.0/24'] }))['id'] as string;
  const group = (await api('POST', '/groups', { name: 'Bench' }))['id'] as string;
  const application = ((await api('GET', '/applications?name=Bench%20web'))['items'] as { id: string }[])[0]?.id ?? '';
  for (let index = 0; index < 10; index += 1) {
    await api('POST', '/access-policies', {
      name: `policy ${index}`, priority: index + 1, effect: 'deny', include: { applications: [application], ...(index % 2 === 0 ? { groups: [group] } : {}) }, exclude: { networkZones: [zone] },
      ...(index % 3 === 0 && { condition: 'request.hour > 30 || "nobody" in request.zones' }) });
  }
  const role = (await api('POST', `/applications/${application}/roles`, { key: 'reader', name: 'Reader' }))['id'] as string;
  await api('PUT', `/applications/${application}/roles/${role}/assignments/ou_root`, {});
  kinds.length = 0;
  const context = { address: '203.0.113.9' };
  add('open, 10 policies (zones, groups, CEL)', helloPosts, questions('open', context));
  add('role, 10 policies', helloPosts, questions('role:reader', context));
  add(`evaluations, ${batch} in one`, helloPosts, people.map((_id, index) => ({
    resource, context, evaluations: Array.from({ length: batch }, (_unused, at) => ({ subject: subjectOf(index + at), action: { name: 'open' } })) })), '/access/v1/evaluations', batch);
  for (const kind of kinds) rows.push(await compareKind(kind));
  console.log(table(['question', 'fastify /s', 'Postern /s', 'ratio (lowest–highest)', 'decisions /s', 'CPU µs of fastify', 'of Postern', 'statements', 'p99 ms', '≥ 0.5'], rows));
}
