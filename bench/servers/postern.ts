/** Postern as it is started by hand: embedded PostgreSQL, default settings, durable writes. Seeds what a run needs. */
import { countStatements } from './statements.ts';
import { bootstrap } from '../../src/bootstrap/index.ts';
import { loadConfig } from '../../src/config.ts';
import { startEmbeddedPostgres } from '../../src/core/embedded-postgres.ts';
import { applyMigrations } from '../../src/core/migrations.ts';
import { buildServer } from '../../src/server.ts';
import { answerParent, measureUsage } from './parent.ts';
import { profiling } from './profile.ts';
import { seed } from './seed.ts';

const { port, dataDirectory } = JSON.parse(process.argv[2] ?? '{}') as { port: number; dataDirectory: string };

const config = loadConfig({ PORT: String(port), PUBLIC_URL: `http://127.0.0.1:${port}`, DATA_DIR: dataDirectory, SAMPLE_APPLICATION_PORT: '0' });
const postgres = await startEmbeddedPostgres({ dataDirectory, log: (message) => process.stderr.write(`${message}\n`) });
await applyMigrations(postgres.url);
const server = await buildServer({ config, connectionString: postgres.url });
await bootstrap(server.core);
await seed(server.core);
await server.start();

let stopping: Promise<void> | undefined;
answerParent({ usage: () => measureUsage(countStatements()), ...profiling }, () => stopping ??= (async () => {
  await server.stop();
  await postgres.stop();
})());
