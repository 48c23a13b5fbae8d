/** Starts the server: reads the configuration, opens the database, builds, listens; stops on a signal. */
import { existsSync } from 'node:fs';
import { startSampleApplication } from '../examples/sample-application/application.ts';
import { isSetUp } from './authentication/index.ts';
import { bootstrap, checkPort, connectDatabase, createHeldLog, credentials, explainFailure, sampleClientId, welcome } from './bootstrap/index.ts';
import { loadConfig, type Config } from './config.ts';
import { applyMigrations } from './core/migrations.ts';
import { buildServer } from './server.ts';
import { firstInstanceId, instanceContext } from './tenancy/index.ts';

/** Taken down in reverse, whether the start went well or not. */
const running: (() => Promise<void>)[] = [];
const log = createHeldLog();

async function start(): Promise<void> {
  if (existsSync('.env')) process.loadEnvFile('.env');
  const config = loadConfig(process.env);
  await checkPort(config.host, config.port);

  const database = await connectDatabase(config, (line) => { console.log(`  ${line}`); });
  running.push(() => database.stop());
  const migrations = await applyMigrations(database.url);
  if (migrations.length > 0) console.log(`  Applied ${migrations.length} database ${migrations.length === 1 ? 'migration' : 'migrations'}.`);

  const server = await buildServer({ config, connectionString: database.url, logStream: log });
  running.push(() => server.stop());
  const report = await bootstrap(server.core);
  try {
    await server.start();
  } catch (error) {
    // The port went to somebody else meanwhile. What is shown once must be shown all the same.
    if (report.created) console.log(credentials(report.created).join('\n'));
    throw error;
  }
  const sample = await startSample(config);
  const context = await instanceContext(server.core, firstInstanceId);
  console.log(welcome(config, {
    report, sample, embedded: database.embedded, issuer: context?.instance.issuer ?? config.publicUrl,
    isSetUp: context !== undefined && await isSetUp(context), startedInMs: performance.now(),
  }));
  log.release();
  server.core.log.info({ address: config.publicUrl, created: report.created !== undefined }, 'The server is ready');
}

/** It is there to be tried out: without it everything else works as well. */
async function startSample(config: Config): Promise<{ url: string } | { failure: string } | undefined> {
  const port = config.sampleApplicationPort;
  if (port === 0) return undefined;
  try {
    const sample = await startSampleApplication({ port, issuer: `${config.publicUrl}/t/${firstInstanceId}`, clientId: sampleClientId });
    running.push(() => sample.close());
    return sample;
  } catch {
    return { failure: `not started: port ${port} is taken (SAMPLE_APPLICATION_PORT)` };
  }
}

async function stop(): Promise<void> {
  for (const takeDown of running.splice(0).toReversed()) await takeDown();
}

let stoppingSince: number | undefined;
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    // A terminal sends Ctrl-C to npm and to us, and npm sends it on: that is one wish, not two.
    if (stoppingSince !== undefined && Date.now() - stoppingSince > 500) process.exit(1);
    if (stoppingSince !== undefined) return;
    stoppingSince = Date.now();
    console.log('\n  Stopping: requests and jobs in progress finish first. A second signal ends them.');
    void starting.finally(stop).then(() => { process.exit(0); }, () => { process.exit(1); });
  });
}

const starting = start();
starting.catch(async (error: unknown) => {
  if (stoppingSince === undefined) console.error(`\n  Postern cannot start. ${explainFailure(error).replaceAll('\n', '\n  ')}\n`);
  if (/debug|trace/.test(process.env['LOG_LEVEL'] ?? '')) {
    log.release();
    console.error(error);
  }
  await stop().catch(() => undefined);
  process.exit(1);
});
