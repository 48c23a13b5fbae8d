/** Postern as it is started by hand: embedded PostgreSQL, default settings, durable writes. */
import { countStatements } from './statements.ts';
import { buildServer } from '../../src/server.ts';
import { openData } from './data.ts';
import { answerParent, measureUsage } from './parent.ts';
import { profiling } from './profile.ts';

const { config, postgres } = await openData(process.argv[2]);
const server = await buildServer({ config, connectionString: postgres.url });
await server.start();

let stopping: Promise<void> | undefined;
answerParent({ usage: () => measureUsage(countStatements()), ...profiling }, () => stopping ??= (async () => {
  await server.stop();
  await postgres.stop();
})());
