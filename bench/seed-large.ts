/**
 * Fills an instance with a million users and what belongs to them: `node bench/seed-large.ts --instance=large --users=1000000`.
 * Into the database of DATABASE_URL, or the embedded one of DATA_DIR; docs/performance.md, "A large instance".
 */
import { parseArgs } from 'node:util';
import { bootstrap, connectDatabase } from '../src/bootstrap/index.ts';
import { loadConfig } from '../src/config.ts';
import { applyMigrations } from '../src/core/migrations.ts';
import { buildServer } from '../src/server.ts';
import { seedLarge } from './large/seed.ts';
import { sizeFor } from './large/size.ts';

const { values } = parseArgs({ options: { instance: { type: 'string', default: 'large' }, users: { type: 'string', default: '1000000' } } });
const users = Number(values.users);
if (!Number.isInteger(users) || users < 1_000 || users > 10_000_000) throw new Error(`--users must be a number from 1,000 to 10,000,000 but is "${values.users}"`);

const started = performance.now();
const config = loadConfig(process.env);
const database = await connectDatabase(config, console.log, { besideServer: true });
try {
  await applyMigrations(database.url);
  const server = await buildServer({ config, connectionString: database.url });
  try {
    await bootstrap(server.core);
    const size = sizeFor(users);
    await seedLarge(server.core, database.url, values.instance, size, console.log);
    const seconds = (performance.now() - started) / 1_000;
    console.log(`${values.instance}: ${Object.entries(size).map(([name, count]) => `${count.toLocaleString('en')} ${name}`).join(', ')} in ${seconds.toFixed(0)} s`);
  } finally {
    await server.stop();
  }
} finally {
  await database.stop();
}
