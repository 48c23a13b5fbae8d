/** The data folder of a run, as its settings make it. */
import { type Config, loadConfig } from '../../src/config.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/core/embedded-postgres.ts';

/** Settings of every Postern process of a run. */
export function settingsOf({ port, dataDirectory }: { port: number; dataDirectory: string }): Record<string, string> {
  return { PORT: String(port), PUBLIC_URL: `http://127.0.0.1:${port}`, DATA_DIR: dataDirectory, SAMPLE_APPLICATION_PORT: '0' };
}

/** Starts PostgreSQL on the data folder; `argument` is what bench/children.ts hands to a child. */
export async function openData(argument = '{}'): Promise<{ config: Config; postgres: EmbeddedPostgres }> {
  const config = loadConfig(settingsOf(JSON.parse(argument) as { port: number; dataDirectory: string }));
  const postgres = await startEmbeddedPostgres({ dataDirectory: config.dataDirectory, log: (message) => process.stderr.write(`${message}\n`) });
  return { config, postgres };
}
