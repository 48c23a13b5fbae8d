import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { EmbeddedPostgresUnavailable, errorCode } from './unavailable.ts';

const SQLITE_BUSY = 5;

/**
 * Makes this process the only server of a data folder and returns the release (which may be called again). Waits two seconds for a server that is
 * just ending, then throws EmbeddedPostgresUnavailable.
 *
 * Node has no flock. SQLite's file lock is the one lock in its standard library that the kernel holds: it goes with the
 * process even after kill -9, never looks taken because a process id was used again, and holds between containers
 * that share the folder. (The file stays empty. Only this module may open it: closing it elsewhere in this process
 * would end the lock, as POSIX has it.)
 */
export async function lockFolder(dataDirectory: string): Promise<() => void> {
  const deadline = Date.now() + 2_000;
  for (;;) {
    const release = tryLock(dataDirectory);
    if (release) return release;
    if (Date.now() > deadline) {
      throw new EmbeddedPostgresUnavailable(
        `another server is running on the data folder ${dataDirectory}`,
        'Stop it first, or set DATA_DIR to another folder.');
    }
    await sleep(50);
  }
}

function tryLock(dataDirectory: string): (() => void) | undefined {
  let database: DatabaseSync | undefined;
  try {
    const path = join(dataDirectory, 'server.lock');
    createClosed(path);
    const opened = database = new DatabaseSync(path);
    opened.exec('BEGIN EXCLUSIVE');
    return () => { if (opened.isOpen) opened.close(); };
  } catch (error) {
    database?.close();
    if (error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY) return undefined;
    throw new EmbeddedPostgresUnavailable(
      `the data folder ${dataDirectory} is not writable by this user (${error instanceof Error ? error.message : String(error)})`,
      'Start the server as the user who started it first, or set DATA_DIR to another folder.');
  }
}

/** Mode 600: whoever can read the file can lock it. Not opened when it exists, see above. */
function createClosed(path: string): void {
  try {
    writeFileSync(path, '', { flag: 'wx', mode: 0o600 });
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
  }
}
