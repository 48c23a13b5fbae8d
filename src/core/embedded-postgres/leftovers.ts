/**
 * What a killed server leaves behind: PostgreSQL still running, or a lock file of one that is gone.
 * Called with the folder lock held: whatever runs on this cluster has no living server.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** The main process and state (`starting`, `ready`, `stopping`) that PostgreSQL notes in its folder. */
export async function readNote(cluster: string): Promise<{ pid: number; state: string } | undefined> {
  const lines = (await readFile(join(cluster, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n');
  const pid = Number(lines[0]);
  return pid > 0 ? { pid, state: lines[7]?.trim() ?? '' } : undefined;
}

/**
 * Stops a PostgreSQL that outlived its server, waits for its last processes, and removes its lock files.
 *
 * PostgreSQL judges a lock file by its process id alone. It waits for nobody when that id now belongs to another
 * program or to a zombie that a container's first process never collects; we look at what the process is.
 */
export async function endLeftovers(cluster: string, log: (message: string) => void): Promise<void> {
  const note = await readNote(cluster);
  let running = serverProcesses(cluster, note?.pid);
  for (const [signal, patience] of [['SIGINT', 10_000], ['SIGQUIT', 5_000]] as const) {
    if (note && running.includes(note.pid)) {
      log(`Stopping the embedded PostgreSQL that an earlier server left running (process ${note.pid}, ${signal}).`);
      process.kill(note.pid, signal);
    }
    const deadline = Date.now() + patience;
    while (running.length > 0 && Date.now() < deadline) {
      await sleep(50);
      running = serverProcesses(cluster, note?.pid);
    }
  }
  // With processes left, PostgreSQL's own check of its shared memory has the last word.
  if (running.length > 0) return;
  for (const name of ['postmaster.pid', '.s.PGSQL.5432', '.s.PGSQL.5432.lock']) await rm(join(cluster, name), { force: true });
}

/** The ids of PostgreSQL's processes on this cluster; all of them have its folder as their working folder. */
function serverProcesses(cluster: string, notedPid: number | undefined): number[] {
  if (!existsSync('/proc/self/cwd')) return notedPid !== undefined && isNamedPostgres(notedPid) ? [notedPid] : [];
  const folder = statSync(cluster);
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).filter((pid) => {
    try {
      if (readFileSync(`/proc/${pid}/comm`, 'utf8').trim() !== 'postgres') return false;
      if (/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))) return false;
    } catch {
      return false; // gone meanwhile
    }
    try {
      const workingFolder = statSync(`/proc/${pid}/cwd`);
      return workingFolder.dev === folder.dev && workingFolder.ino === folder.ino;
    } catch {
      // Root in a container may not look (CAP_SYS_PTRACE): the user id, one per data folder, tells as well.
      return statSync(`/proc/${pid}`, { throwIfNoEntry: false })?.uid === folder.uid;
    }
  }).map(Number);
}

/** macOS, which has no /proc. */
function isNamedPostgres(pid: number): boolean {
  try {
    return execFileSync('ps', ['-o', 'comm=', '-p', String(pid)], { encoding: 'utf8' }).trim().endsWith('postgres');
  } catch {
    return false;
  }
}
