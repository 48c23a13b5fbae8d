import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { realpathSync } from 'node:fs';
import { copyFile, cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';

const root = path.resolve(import.meta.dirname, '..');
const packageName = `${process.platform === 'darwin' && process.arch === 'arm64' ? 'node-bin' : 'node'}-${process.platform}-${process.arch}`;
let clone: string;
let runtime: string;

/** A clone after npm 10's `npm ci`: no `.bin/node`. Its Prisma client is up to date. */
beforeEach(async () => {
  clone = await mkdtemp(path.join(tmpdir(), 'postern clone '));
  runtime = path.join(clone, 'node_modules/.bin/node');
  for (const folder of ['scripts', 'prisma', 'node_modules/.bin', 'src/generated/prisma']) await mkdir(path.join(clone, folder), { recursive: true });
  await copyFile(path.join(root, 'scripts/prepare.mjs'), path.join(clone, 'scripts/prepare.mjs'));
  await cp(path.join(root, 'prisma/schema'), path.join(clone, 'prisma/schema'), { recursive: true });
  await cp(path.join(root, 'node_modules/prisma/package.json'), path.join(clone, 'node_modules/prisma/package.json'));
  const hash = createHash('sha256');
  const schema = (await readdir(path.join(clone, 'prisma/schema'))).sort().map((file) => `prisma/schema/${file}`);
  for (const file of [...schema, 'node_modules/prisma/package.json']) hash.update(await readFile(path.join(clone, file)));
  await writeFile(path.join(clone, 'src/generated/prisma/.schema-hash'), hash.digest('hex'));
});
afterEach(() => rm(clone, { recursive: true }));

const prepare = () => execFileSync(process.execPath, [path.join(clone, 'scripts/prepare.mjs')], { encoding: 'utf8' });

it('links the Node that npm installed, where npm did not', async () => {
  const program = path.join(clone, 'node_modules', packageName, 'bin/node');
  await mkdir(path.dirname(program), { recursive: true });
  await writeFile(program, `#!/bin/sh\nexec "${process.execPath}" "$@"\n`, { mode: 0o755 });
  prepare();
  expect(realpathSync(runtime)).toBe(realpathSync(program));
  expect(prepare()).toBe('');
});

it('links the machine\'s own Node where npm installed none that runs', async () => {
  const program = path.join(clone, 'node_modules', packageName, 'bin/node');
  await mkdir(path.dirname(program), { recursive: true });
  await writeFile(program, 'for another C library', { mode: 0o755 });
  await symlink(program, runtime);
  prepare();
  expect(realpathSync(runtime)).toBe(realpathSync(process.execPath));
});
