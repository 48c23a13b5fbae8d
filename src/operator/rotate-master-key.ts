import { resolve } from 'node:path';
import { OperatorError, type ConnectedDatabase } from '../bootstrap/index.ts';
import { freshMasterKey, loadOrCreateMasterKeys, replaceMasterKeys } from '../core/keyring.ts';
import { resignChainHeads } from '../events/index.ts';
import { resealAll } from './reseal.ts';
import type { Command, Surroundings } from './run-command.ts';
import { withClient, withCore, withDatabase } from './with-core.ts';

/** Every secret at rest comes under a new master key; the old one is kept until nothing needs it. */
export const rotateMasterKey: Command = {
  usage: 'rotate-master-key',
  summary: 'Seals every secret under a new master key. With MASTER_KEY: put the new key first (MASTER_KEY=new,old), restart all servers, then run this. With the key file of the data directory: stop the server, run this. May be repeated when it was interrupted.',
  run: (surroundings) => withDatabase(surroundings, (database) => surroundings.config.masterKeys.length > 0 ? withGivenKeys(surroundings, database) : withKeyFile(surroundings, database)),
};

async function withGivenKeys(surroundings: Surroundings, database: ConnectedDatabase): Promise<number> {
  if (surroundings.config.masterKeys.length < 2) {
    throw new OperatorError('MASTER_KEY holds one key. Put the new one first, separated by a comma (MASTER_KEY=new,old), restart all servers with that, and run this again. Make a key with: node -p "crypto.randomBytes(32).toString(\'base64url\')"');
  }
  const code = await reseal(surroundings, database);
  if (code === 0) surroundings.print('Wait a minute for what servers were still doing, remove the old key from MASTER_KEY, and restart them.');
  return code;
}

async function withKeyFile(surroundings: Surroundings, database: ConnectedDatabase): Promise<number> {
  await rejectRunningServers(database);
  const { config, print } = surroundings;
  const keys = loadOrCreateMasterKeys(config.dataDirectory);
  // Two keys: an earlier run was interrupted. Both are on disk before the first secret is sealed under the new one.
  const both = keys.length > 1 ? keys : [freshMasterKey(), ...keys];
  if (both !== keys) replaceMasterKeys(config.dataDirectory, both);
  const code = await reseal({ ...surroundings, config: { ...config, masterKeys: both } }, database);
  if (code !== 0) return code;
  replaceMasterKeys(config.dataDirectory, both.slice(0, 1));
  print(`The old key is gone from ${resolve(config.dataDirectory)}/master-key. Keep a copy of the new one with your backups; backups made before need the old one.`);
  return 0;
}

/** A running server knows only the key that it read at its start. */
async function rejectRunningServers({ url }: ConnectedDatabase): Promise<void> {
  const servers = await withClient(url, async (client) => client.query(
    `SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'postern signals'`));
  if ((servers.rowCount ?? 0) > 0) throw new OperatorError('A server is running, and knows only the key that it read at its start. Stop it, run this again, then start it.');
}

function reseal(surroundings: Surroundings, database: ConnectedDatabase): Promise<number> {
  return withCore(surroundings, database, async (core) => {
    const { count, broken } = await resealAll(core);
    const notGenuine = await resignChainHeads(core);
    surroundings.print(`${count} secrets were sealed under the new master key (${core.keyring.currentKeyId}).`);
    for (const line of broken) surroundings.printError(`Not resealed: ${line}`);
    for (const instanceId of notGenuine) surroundings.printError(`The head of the event chain of ${instanceId} was signed with neither key; it was left alone (verify-events).`);
    if (broken.length === 0 && notGenuine.length === 0) return 0;
    surroundings.printError('The old key is still needed: keep it listed.');
    return 1;
  });
}
