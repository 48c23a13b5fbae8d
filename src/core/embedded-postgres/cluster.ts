/**
 * The cluster: PostgreSQL's files in `<dataDirectory>/postgres`.
 */
import { existsSync, lchownSync } from 'node:fs';
import { chmod, mkdir, readFile, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { nobodyAccount, type Account } from './account.ts';
import { runProgram } from './run-program.ts';
import { EmbeddedPostgresUnavailable } from './unavailable.ts';

/**
 * How PostgreSQL is told its folder: as the folder it was started in, not by a path. As root the account it runs as
 * usually cannot walk the path (/root is closed to it), but being started inside needs no walk, and nothing on the way
 * has to be opened to others. It also needs no quoting for initdb's shell.
 */
export function folderArgument(cluster: string): string {
  return existsSync('/proc/self/cwd') ? '/proc/self/cwd' : cluster;
}

/** Makes the cluster on the first start; later checks that it fits. Throws EmbeddedPostgresUnavailable. */
export async function prepareCluster(options: {
  cluster: string; native: string; version: string; account: Account | undefined; log: (message: string) => void;
}): Promise<void> {
  const { cluster, account } = options;
  if (!existsSync(cluster)) {
    options.log(`Creating the embedded PostgreSQL in ${cluster}.`);
    await createCluster(options);
  }
  await checkVersion(cluster, options.version);
  const { uid } = await stat(cluster);
  // Files that root restored or copied belong to root, whom PostgreSQL refuses.
  if (account && uid !== account.uid) await giveTo(account, cluster);
  const expected = account?.uid ?? process.getuid?.();
  if (!account && uid !== expected) {
    throw new EmbeddedPostgresUnavailable(
      `${cluster} belongs to user id ${uid}, and this is user id ${expected}`,
      'Start the server as the user who started it first, or set DATA_DIR to another folder.');
  }
  await chmod(cluster, 0o700);
}

async function checkVersion(cluster: string, runtimeVersion: string): Promise<void> {
  const made = await readFile(join(cluster, 'PG_VERSION'), 'utf8').then((text) => text.trim(), () => undefined);
  const wanted = runtimeVersion.split('.')[0];
  if (made === wanted) return;
  throw made === undefined
    ? new EmbeddedPostgresUnavailable(`${cluster} is there but holds no PostgreSQL cluster`, 'Move it away, or restore it from a backup.')
    : new EmbeddedPostgresUnavailable(
      `${cluster} was made by PostgreSQL ${made}, and this version of the server brings PostgreSQL ${wanted}`,
      'Back up with the version of the server that made it, then restore with this one (docs/decisions/0003-embedded-database.md).');
}

/** Runs initdb in a folder beside and renames it: a start that is killed half-way leaves no half cluster. */
async function createCluster({ cluster, native, account }: { cluster: string; native: string; account: Account | undefined }): Promise<void> {
  const unfinished = `${cluster}.new`;
  try {
    let outcome = await initialize(unfinished, native, account);
    if (outcome?.includes('effective user ID')) {
      // initdb alone wants a user with a name (getpwuid); the server does not. As root the files change hands afterwards.
      const nobody = account && nobodyAccount();
      if (nobody) outcome = await initialize(unfinished, native, nobody);
      else outcome = 'the user id it runs as has no name in /etc/passwd, and initdb wants one';
    }
    if (outcome !== undefined) throw new EmbeddedPostgresUnavailable(outcome);
    if (account) await giveTo(account, unfinished);
    await rename(unfinished, cluster);
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
}

/** Runs initdb as the account in an empty folder; returns why it failed. */
async function initialize(folder: string, native: string, account: Account | undefined): Promise<string | undefined> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { mode: 0o700 });
  if (account) lchownSync(folder, account.uid, account.gid);
  const initdbArguments = [
    '-D', folderArgument(folder), '--username=postgres', '--auth-local=trust', '--auth-host=reject', '--no-instructions',
    // Collation by code point from PostgreSQL itself: the same on every system, and no index breaks when libc changes.
    '--encoding=UTF8', '--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8',
  ];
  const failure = await runProgram(join(native, 'bin', 'initdb'), initdbArguments, { account, cwd: folder });
  return failure && `initdb failed (${failure.stderr.replaceAll('\n', '; ') || String(failure.error)})`;
}

async function giveTo(account: Account, folder: string): Promise<void> {
  lchownSync(folder, account.uid, account.gid);
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    lchownSync(join(entry.parentPath, entry.name), account.uid, account.gid);
  }
}
