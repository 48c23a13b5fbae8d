/**
 * A disk that can be filled: a file system in memory, seen only by the process that is started on it (a mount
 * namespace), so nothing is left behind however the test ends. Needs Linux, and root or user namespaces.
 */
import { spawnSync } from 'node:child_process';
import { appendFile, mkdtemp, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

export interface SmallDisk {
  /** Where the started process sees it. */
  readonly folder: string;
  /** Puts a program and its arguments on the disk: run what this returns instead. */
  onDisk(program: string, programArguments: readonly string[]): [program: string, programArguments: string[]];
  /** Where the rest of the machine sees it, while a process of this id lives on it. */
  pathSeenFrom(pid: number): string;
  remove(): Promise<void>;
}

const namespace = process.getuid?.() === 0
  ? ['--mount', '--propagation', 'private']
  : ['--user', '--map-current-user', '--keep-caps', '--mount', '--propagation', 'private'];

/** Why there can be no such disk here; undefined when there can. */
export function whyNoSmallDisk(): string | undefined {
  const { status, stderr, error } = spawnSync('unshare', [...namespace, 'sh', '-c', 'mount -t tmpfs -o size=1m tmpfs /mnt'], { encoding: 'utf8' });
  return status === 0 ? undefined : `no file system can be mounted here (${error?.message ?? stderr.trim()}): run as root on Linux, or allow user namespaces`;
}

export async function makeSmallDisk(megabytes: number): Promise<SmallDisk> {
  // Short, for a socket's path may have 104 bytes.
  const folder = await mkdtemp(path.join(tmpdir(), 'pd-'));
  return {
    folder,
    onDisk: (program, programArguments) => ['unshare', [
      ...namespace, 'sh', '-c', `mount -t tmpfs -o size=${megabytes}m,mode=700 tmpfs "$0" && exec "$@"`, folder, program, ...programArguments,
    ]],
    pathSeenFrom: (pid) => `/proc/${pid}/root${folder}`,
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

/** Fills the disk but for so many kilobytes. */
export async function fillDisk(folder: string, leaveKilobytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  const bytes = Math.max(0, bavail * bsize - leaveKilobytes * 1024);
  await appendFile(path.join(folder, 'filler'), Buffer.alloc(bytes)).catch((error: unknown) => {
    // The server has taken the rest meanwhile: then it is full.
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error;
  });
}

export const freeDisk = (folder: string): Promise<void> => rm(path.join(folder, 'filler'), { force: true });
