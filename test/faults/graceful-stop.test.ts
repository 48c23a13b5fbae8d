import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { raiseLimits, remoteServer, type Remote, type RemoteClient, type RemotePerson } from '../support/remote.ts';
import { type ServerProcess, startServerProcess } from '../support/server-process.ts';

let server: ServerProcess;
let remote: Remote;
let machine: RemoteClient;
let web: RemoteClient;
let person: RemotePerson;
beforeAll(async () => {
  server = await startServerProcess();
  remote = remoteServer(server);
  await raiseLimits(remote);
  machine = await remote.createMachine();
  web = await remote.createWebClient();
  person = await remote.createPerson();
}, 120_000);
afterAll(() => server?.close());

/** A request that the server has begun to read; `finish` sends the rest and resolves with the whole answer. */
async function begin(path: string, type: string, authorization: string, body: string): Promise<{ finish(): Promise<string> }> {
  const socket: Socket = connect(Number(new URL(server.origin).port), '127.0.0.1');
  let received = '';
  socket.on('data', (bytes) => { received += bytes.toString(); });
  socket.on('error', () => undefined);
  const closed = new Promise<void>((resolve) => { socket.once('close', () => { resolve(); }); });
  await new Promise<void>((resolve) => { socket.once('connect', resolve); });
  socket.write([
    `POST /t/default${path} HTTP/1.1`, `Host: ${new URL(server.origin).host}`, `Content-Type: ${type}`, `Content-Length: ${body.length}`,
    `Authorization: ${authorization}`, '', body.slice(0, 5),
  ].join('\r\n'));
  return {
    async finish() {
      socket.write(body.slice(5));
      await closed; // the server closes the connection behind the answer
      return received;
    },
  };
}

const basic = (client: RemoteClient) => `Basic ${Buffer.from(`${client.clientId}:${client.secret}`).toString('base64')}`;

function isConnectionRefused(): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(Number(new URL(server.origin).port), '127.0.0.1');
    socket.once('connect', () => { socket.destroy(); resolve(false); });
    socket.once('error', () => { resolve(true); });
  });
}

describe('SIGTERM under load', () => {
  it('lets requests in flight finish, refuses new connections, ends with 0 in time and takes PostgreSQL along', { timeout: 120_000 }, async () => {
    const { body: { access_token: managementToken } } = await remote.oauth('token', { grant_type: 'client_credentials' }, { id: '', clientId: server.machine.clientId, secret: server.machine.clientSecret });
    const username = 'made.while.stopping';
    const creation = await begin('/api/v1/users', 'application/json', `Bearer ${String(managementToken)}`, JSON.stringify({ username }));
    const minting = await begin('/oauth2/token', 'application/x-www-form-urlencoded', basic(machine), 'grant_type=client_credentials');
    const statuses: number[] = [];
    const acknowledged: string[] = [];
    let stopped = false;
    const load = [1, 2, 3, 4].map(async () => {
      while (!stopped) {
        const { status, body } = await remote.oauth('token', { grant_type: 'client_credentials' }, machine);
        statuses.push(status);
        if (status === 200) acknowledged.push(String(body['access_token']));
        else await sleep(20);
      }
    });
    await sleep(500);
    const postgres = await server.postgresPid();
    const signIn = remote.signIn(web, person).then(() => 'signed in', () => 'refused'); // the password hash takes a while
    await sleep(50);

    const signalled = performance.now();
    server.signal('SIGTERM');
    await expect.poll(isConnectionRefused, { timeout: 5_000, interval: 20 }).toBe(true);
    await sleep(500);
    expect(server.pid, 'it waits for what is in flight').not.toBe(0);
    expect(await minting.finish()).toMatch(/^HTTP\/1\.1 200 [^]*"access_token":"/);
    expect(await creation.finish()).toMatch(/^HTTP\/1\.1 201 /);
    expect(await server.ended()).toBe(0);
    expect(performance.now() - signalled).toBeLessThan(15_000);
    stopped = true;
    await Promise.all(load);
    await signIn;

    // Done, or refused before anything was done: no request was cut off half-way and none failed.
    expect(statuses.filter((status) => ![0, 200, 503].includes(status))).toEqual([]);
    expect(statuses.filter((status) => status === 200).length).toBeGreaterThan(10);
    expect(await server.postgresPid()).toBeUndefined();
    expect(() => process.kill(postgres ?? 0, 0)).toThrow('ESRCH');

    await server.start();
    for (const token of acknowledged.slice(-20)) expect((await remote.oauth('introspect', { token }, machine)).body['active']).toBe(true);
    const { body: { items } } = await remote.api('GET', `/users?username=${username}`);
    expect(items).toHaveLength(1);
  });
});
