// Makes ready what npm ci leaves open: `node_modules/.bin/node`, the Node that runs the sources, and the Prisma client,
// which is made from the schema. A second run does nothing. Plain JavaScript, because any Node may have to run it.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import path from 'node:path';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const runtime = path.join(root, 'node_modules/.bin/node');

if (!existsSync(runtime) || realpathSync(runtime) !== realpathSync(process.execPath)) linkRuntime();
makePrismaClient();

/**
 * npm links the `node` of the platform package that fits, but npm 10 takes the link away again with the packages that do
 * not fit. Where none runs (another C library, optional packages left out) the machine's own Node must do.
 */
function linkRuntime() {
  const { platform, arch } = process;
  const names = [`node-${platform}-${arch}`, `node-bin-${platform}-${arch}`];
  const found = [...names.map((name) => path.join(root, 'node_modules', name, 'bin/node')), process.execPath].find(isRecent);
  if (!found) fail(`Postern runs on Node 26, and this is Node ${process.versions.node}. npm ci puts the right one into node_modules, unless optional packages are left out or there is none for ${platform}-${arch}: then install Node 26.`);
  if (existsSync(runtime) && realpathSync(runtime) === realpathSync(found)) return;
  try {
    rmSync(runtime, { force: true });
    symlinkSync(path.relative(path.dirname(runtime), found), runtime);
  } catch (error) {
    fail(`Could not link ${runtime} to ${found}: ${error.message}`);
  }
}

function isRecent(program) {
  try {
    return parseInt(execFileSync(program, ['-p', 'process.versions.node'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }), 10) >= 26;
  } catch {
    return false;
  }
}

function makePrismaClient() {
  const stamp = path.join(root, 'src/generated/prisma/.schema-hash');
  const schema = path.join(root, 'prisma/schema');
  const sources = [...readdirSync(schema).sort().map((file) => path.join(schema, file)), path.join(root, 'node_modules/prisma/package.json')];
  const hash = sources.reduce((sum, file) => sum.update(readFileSync(file)), createHash('sha256')).digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === hash) return;
  try {
    execFileSync(runtime, [path.join(root, 'node_modules/prisma/build/index.js'), 'generate'], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
      // `generate` asks for the schema engine but never runs it; naming any existing file keeps it from a download.
      env: { ...process.env, PRISMA_SCHEMA_ENGINE_BINARY: process.execPath, PRISMA_HIDE_UPDATE_MESSAGE: '1', CHECKPOINT_DISABLE: '1' },
    });
  } catch (error) {
    fail(`Could not make the Prisma client from prisma/schema:\n${error.stderr ?? error.message}`);
  }
  writeFileSync(stamp, hash);
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
