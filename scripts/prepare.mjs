// Makes what is made from the sources: the Prisma client. A second run with the same schema does nothing. Plain
// JavaScript, because it is also the one to say that the Node it runs on is too old for the sources.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import path from 'node:path';

if (!process.features.typescript) {
  console.error(`Postern runs on Node 26, and this is Node ${process.versions.node}. npm ci puts the right one into node_modules, unless optional packages are left out or there is none for ${process.platform}-${process.arch}: then install Node 26.`);
  process.exit(1);
}

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const stamp = path.join(root, 'src/generated/prisma/.schema-hash');
const hash = createHash('sha256')
  .update(readFileSync(path.join(root, 'prisma/schema.prisma')))
  .update(readFileSync(path.join(root, 'node_modules/prisma/package.json')))
  .digest('hex');

if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== hash) {
  try {
    execFileSync(process.execPath, [path.join(root, 'node_modules/prisma/build/index.js'), 'generate'], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
      // `generate` asks for the schema engine but never runs it; naming any existing file keeps it from a download.
      env: { ...process.env, PRISMA_SCHEMA_ENGINE_BINARY: process.execPath, PRISMA_HIDE_UPDATE_MESSAGE: '1', CHECKPOINT_DISABLE: '1' },
    });
  } catch (error) {
    console.error(`Could not make the Prisma client from prisma/schema.prisma:\n${error.stderr ?? error.message}`);
    process.exit(1);
  }
  writeFileSync(stamp, hash);
}
