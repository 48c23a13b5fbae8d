/**
 * Proves at every start that the master key is the one that sealed this database's secrets. Without it a lost key file
 * would be replaced by a fresh key, and the loss found out secret by secret.
 */
import type { Database } from './database.ts';
import { type Keyring, SealBroken } from './keyring.ts';

const name = 'master-key-proof';
const text = 'sealed under the master key of this database';

/** The secrets in the database were sealed under another master key. */
export class MasterKeyMismatch extends Error {}

/** @throws MasterKeyMismatch */
export async function checkMasterKey(database: Database, keyring: Keyring): Promise<void> {
  await database.serverRecord.createMany({ data: [{ name, value: keyring.seal(text, name) }], skipDuplicates: true });
  const proof = await database.serverRecord.findUniqueOrThrow({ where: { name } });
  try {
    keyring.open(proof.value, name);
  } catch (error) {
    if (!(error instanceof SealBroken)) throw error;
    throw new MasterKeyMismatch('The master key is not the one that the secrets in this database were sealed under. Set MASTER_KEY to that key, or put its file (master-key) back into the data directory.', { cause: error });
  }
}
