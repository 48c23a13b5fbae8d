import { pino } from 'pino';
import pg from 'pg';
import { connectDatabase, OperatorError, type ConnectedDatabase } from '../bootstrap/index.ts';
import type { Config } from '../config.ts';
import type { Core } from '../core/core.ts';
import { DatabaseIsNewer, listMigrations } from '../core/migrations.ts';
import { createCore } from '../create-core.ts';
import { firstInstanceId, instanceContext, type InstanceContext } from '../tenancy/index.ts';
import type { Surroundings } from './run-command.ts';

/** Gives `work` the database: that of a running server, or the embedded one, started for the time being. */
export async function withDatabase<Result>({ config, printError }: Surroundings, work: (database: ConnectedDatabase) => Promise<Result>): Promise<Result> {
  const database = await connectDatabase(config, printError, { besideServer: true });
  try {
    return await work(database);
  } finally {
    await database.stop();
  }
}

/** One connection, closed afterwards. */
export async function withClient<Result>(url: string, work: (client: pg.Client) => Promise<Result>): Promise<Result> {
  const client = new pg.Client({ connectionString: url, application_name: 'postern operator' });
  client.on('error', () => undefined); // the query that needs the connection fails as well
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** The parts of a server, without routes and workers, on a database that this version has started on before. */
export async function withCore<Result>({ config }: { config: Config }, database: ConnectedDatabase, work: (core: Core) => Promise<Result>): Promise<Result> {
  await withClient(database.url, async (client) => {
    const { known, applied } = await listMigrations(client);
    const unknown = applied.find((name) => !known.includes(name));
    if (unknown !== undefined) throw new DatabaseIsNewer(`The database was used by a newer version of Postern (it has the migration ${unknown}). Run the command of that version.`);
    if (applied.length < known.length) throw new OperatorError('The database is empty or of an older version. Start the server once; then run the command again.');
  });
  const { core, close } = await createCore({ config, connectionString: database.url, logStream: pino.destination({ fd: 2, sync: true }) });
  try {
    return await work(core);
  } finally {
    await close();
  }
}

/** The instance that the operator names, acting as the operator. @throws OperatorError when there is none */
export async function operatorContext(core: Core, instanceId = firstInstanceId): Promise<InstanceContext> {
  const context = await instanceContext(core, instanceId, { principal: { kind: 'operator' } });
  if (!context) throw new OperatorError(`There is no instance "${instanceId}".`);
  return context;
}
