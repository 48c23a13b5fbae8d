/** Writers of every durable kind that keep a book of what the server acknowledged, and a check of the book. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { loadConfig } from '../../src/config.ts';
import { findRunningEmbeddedPostgres } from '../../src/core/embedded-postgres.ts';
import { createCore } from '../../src/create-core.ts';
import { verifyEventChains } from '../../src/events/index.ts';
import { raiseLimits, remoteServer, type Remote, type RemoteClient, type RemotePerson, type RemoteSignIn } from '../support/remote.ts';
import type { ServerProcess } from '../support/server-process.ts';

interface Fixtures { readonly remote: Remote; readonly machine: RemoteClient; readonly web: RemoteClient; readonly people: readonly RemotePerson[] }

/** What was acknowledged since the last check. */
export interface Book {
  readonly tokens: string[];
  readonly users: { id: string; username: string }[];
  /** Signed in, the code not redeemed yet. */
  readonly signIns: { person: RemotePerson; signedIn: RemoteSignIn }[];
  /** Access tokens of refreshes. */
  readonly refreshed: string[];
  /** Refresh tokens that were acknowledged and not used since. */
  readonly unused: Set<string>;
  /** Every status that a write was answered with; 0: no answer. */
  readonly statuses: Map<string, number>;
  /** Sign-ins acknowledged over all rounds, by person. */
  readonly sessions: Map<string, number>;
}

export async function prepareWrites(server: ServerProcess): Promise<Fixtures> {
  const remote = remoteServer(server);
  await raiseLimits(remote);
  const people = [await remote.createPerson(), await remote.createPerson()];
  return { remote, machine: await remote.createMachine(), web: await remote.createWebClient(), people };
}

export function emptyBook(sessions: Map<string, number> = new Map()): Book {
  return { tokens: [], users: [], signIns: [], refreshed: [], unused: new Set(), statuses: new Map(), sessions };
}

/** Refresh tokens to begin with: two for each writer, of which one rests while the other is rotated. */
export async function startFamilies({ remote, web, people: [person] }: Fixtures, count: number): Promise<string[]> {
  const families: string[] = [];
  if (!person) throw new Error('nobody to sign in');
  for (let made = 0; made < count; made += 1) {
    const { status, body } = await remote.exchange(web, await remote.signIn(web, person));
    if (status !== 200) throw new Error(`no tokens: ${status} ${JSON.stringify(body)}`);
    families.push(String(body['refresh_token']));
  }
  return families;
}

/** Writes until `until` says so. `goOn`: whether a writer goes on after a failure (the server lives) or ends (it was killed). */
export async function writeUntil({ remote, machine, web, people }: Fixtures, book: Book, families: readonly string[], until: () => boolean, goOn: boolean): Promise<void> {
  let serial = 0;

  function count(what: string, status: number): void {
    const entry = `${what} ${status}`;
    book.statuses.set(entry, (book.statuses.get(entry) ?? 0) + 1);
  }

  async function repeat(write: () => Promise<boolean>): Promise<void> {
    while (!until()) {
      if (await write()) continue;
      if (!goOn) return;
      await sleep(50);
    }
  }

  async function token(): Promise<boolean> {
    const { status, body } = await remote.oauth('token', { grant_type: 'client_credentials' }, machine);
    count('token', status);
    if (status === 200) book.tokens.push(String(body['access_token']));
    return status === 200;
  }

  async function user(): Promise<boolean> {
    const username = `writer.${Date.now().toString(36)}.${serial += 1}`;
    const { status, body } = await remote.api('POST', '/users', { username });
    count('user', status);
    if (status === 201) book.users.push({ id: String(body['id']), username });
    return status === 201;
  }

  async function session(person: RemotePerson): Promise<boolean> {
    try {
      const signedIn = await remote.signIn(web, person);
      count('session', 200);
      book.signIns.push({ person, signedIn });
      book.sessions.set(person.id, (book.sessions.get(person.id) ?? 0) + 1);
      return true;
    } catch (error) {
      count('session', Number(/no code came back: (\d+)/.exec(String(error))?.[1] ?? 0));
      return false;
    }
  }

  /** Rotates two families in turn, so that one is at rest whenever the kill comes. */
  function rotation(mine: string[]): () => Promise<boolean> {
    for (const refreshToken of mine) book.unused.add(refreshToken);
    return async () => {
      const refreshToken = mine.shift();
      if (refreshToken === undefined) {
        await sleep(50);
        return true;
      }
      book.unused.delete(refreshToken);
      const { status, body } = await remote.oauth('token', { grant_type: 'refresh_token', refresh_token: refreshToken }, web);
      count('refresh', status);
      if (status !== 200) return false; // used or not: nobody knows, so it is not used again
      book.refreshed.push(String(body['access_token']));
      const next = String(body['refresh_token']);
      book.unused.add(next);
      mine.push(next);
      return true;
    };
  }

  const writers = [
    token, token, token, user, user,
    ...people.map((person) => () => session(person)),
    rotation(families.slice(0, 2)), rotation(families.slice(2, 4)),
  ];
  await Promise.all(writers.map(repeat));
}

/** Everything in the book is there, and the event chain of the server's own instance is sound and complete. */
export async function checkBook({ remote, machine, web, people }: Fixtures, book: Book, server: ServerProcess): Promise<void> {
  const inactive: string[] = [];
  for (const [owner, tokens] of [[machine, book.tokens], [web, book.refreshed]] as const) {
    await inParallel(tokens, async (token) => {
      const { status, body } = await remote.oauth('introspect', { token }, owner);
      if (status !== 200 || body['active'] !== true) inactive.push(`${status} ${JSON.stringify(body)}`);
    });
  }
  expect(inactive, 'acknowledged access tokens that are not active').toEqual([]);

  const missing: string[] = [];
  await inParallel(book.users, async ({ id, username }) => {
    const { status, body } = await remote.api('GET', `/users/${id}`);
    if (status !== 200 || body['username'] !== username) missing.push(`${id}: ${status}`);
  });
  expect(missing, 'acknowledged users that are not there').toEqual([]);

  for (const person of people) {
    let listed = 0;
    for (let cursor: unknown = ''; cursor !== null;) {
      const { body } = await remote.api('GET', `/sessions?userId=${person.id}&live=true&limit=100${cursor === '' ? '' : `&cursor=${encodeURIComponent(String(cursor))}`}`);
      listed += (body['items'] as unknown[]).length;
      cursor = body['next'] ?? null;
    }
    expect(listed, 'live sessions').toBeGreaterThanOrEqual(book.sessions.get(person.id) ?? 0);
  }

  const refused: string[] = [];
  await inParallel(book.signIns, async ({ signedIn }) => {
    const { status, body } = await remote.exchange(web, signedIn);
    if (status !== 200) refused.push(`code: ${status} ${JSON.stringify(body)}`);
  });
  await inParallel([...book.unused], async (refreshToken) => {
    const { status, body } = await remote.oauth('token', { grant_type: 'refresh_token', refresh_token: refreshToken }, web);
    if (status !== 200) refused.push(`refresh token: ${status} ${JSON.stringify(body)}`);
  });
  expect(refused, 'acknowledged codes and refresh tokens that cannot be redeemed').toEqual([]);

  await checkEventChain(server, book.users.map(({ id }) => id));
}

/** Each of these users has its event, and the chain is sound. By the means of the operator's command: beside the running server, with its master key and anchors. */
export async function checkEventChain(server: ServerProcess, userIds: readonly string[]): Promise<void> {
  const postgres = await findRunningEmbeddedPostgres({ dataDirectory: server.dataDirectory });
  if (!postgres) throw new Error('the embedded PostgreSQL does not run');
  const { core, close } = await createCore({ config: loadConfig({ DATA_DIR: server.dataDirectory, LOG_LEVEL: 'silent', DATABASE_POOL_SIZE: '2' }), connectionString: postgres.url });
  try {
    const events = await core.database.event.findMany({ where: { type: 'user.created', subjectId: { in: [...userIds] } }, select: { subjectId: true } });
    expect(new Set(events.map((event) => event.subjectId))).toEqual(new Set(userIds));
    await expect.poll(async () => {
      const verdicts = [];
      for await (const verdict of verifyEventChains(core)) verdicts.push(verdict);
      return verdicts;
    }, { timeout: 15_000, interval: 100 }).toMatchObject([{ instanceId: 'default', sound: true, waiting: 0 }]);
  } finally {
    await close();
    await postgres.stop();
  }
}

async function inParallel<Item>(items: readonly Item[], work: (item: Item) => Promise<void>, lanes = 8): Promise<void> {
  const rest = items[Symbol.iterator]();
  await Promise.all(Array.from({ length: lanes }, async () => { for (const item of rest) await work(item); }));
}
