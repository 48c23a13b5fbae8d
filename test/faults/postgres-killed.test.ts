import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ServerProcess, startServerProcess } from '../support/server-process.ts';
import { type Book, checkBook, emptyBook, prepareWrites, startFamilies, writeUntil } from './acknowledged-writes.ts';

let server: ServerProcess;
beforeAll(async () => { server = await startServerProcess(); }, 120_000);
afterAll(() => server?.close());

const kills = 10;

describe(`the embedded PostgreSQL is killed (SIGKILL) ${kills} times under the server's writes`, () => {
  it('which goes on by itself: what it acknowledged is there, what it could not do it refused with 503', { timeout: 300_000 }, async () => {
    const fixtures = await prepareWrites(server);
    const serverPid = server.pid;
    const sessions = new Map<string, number>();
    const statuses = new Map<string, number>();
    for (let round = 1; round <= kills; round += 1) {
      const book: Book = { ...emptyBook(sessions), statuses };
      const families = await startFamilies(fixtures, 4);
      let over = false;
      const writing = writeUntil(fixtures, book, families, () => over, true);
      await sleep(150 + Math.random() * 700);
      const killed = await server.postgresPid();
      if (killed === undefined) throw new Error('PostgreSQL notes no process');
      process.kill(killed, 'SIGKILL');
      await sleep(200); // until then it might still seem ready
      await server.untilReady(30_000);
      await sleep(200);
      over = true;
      await writing;
      expect(await server.postgresPid()).not.toBe(killed);
      await checkBook(fixtures, book, server);
    }
    expect(server.pid).toBe(serverPid);
    const seen = [...statuses.keys()];
    expect(seen).toEqual(expect.arrayContaining(['token 200', 'user 201', 'session 200', 'refresh 200']));
    expect(seen.filter((entry) => !/ (20[01]|503)$/.test(entry)), 'other answers than success and 503').toEqual([]);
    expect(seen.filter((entry) => entry.endsWith(' 503'))).not.toEqual([]);
  });
});
