import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ServerProcess, startServerProcess } from '../support/server-process.ts';
import { checkBook, emptyBook, prepareWrites, startFamilies, writeUntil } from './acknowledged-writes.ts';

let server: ServerProcess;
beforeAll(async () => { server = await startServerProcess(); }, 120_000);
afterAll(() => server?.close());

const kills = 10;

describe(`the server is killed (SIGKILL) ${kills} times while it writes`, () => {
  it('and after each restart everything that it acknowledged is there, and the event chain verifies', { timeout: 300_000 }, async () => {
    const fixtures = await prepareWrites(server);
    const sessions = new Map<string, number>();
    let acknowledged = 0;
    for (let round = 1; round <= kills; round += 1) {
      const book = emptyBook(sessions);
      const families = await startFamilies(fixtures, 4);
      let over = false;
      const writing = writeUntil(fixtures, book, families, () => over, false);
      await sleep(150 + Math.random() * 900);
      server.signal('SIGKILL');
      expect(await server.ended()).toBe('SIGKILL');
      over = true;
      await writing;
      // PostgreSQL was left behind; the next server takes the data folder over from it.
      await server.start();
      acknowledged += book.tokens.length + book.users.length + book.signIns.length + book.refreshed.length;
      await checkBook(fixtures, book, server);
      expect([...book.statuses.keys()].filter((entry) => / 5\d\d$/.test(entry))).toEqual([]);
    }
    expect(acknowledged).toBeGreaterThan(10 * kills);
  });
});
