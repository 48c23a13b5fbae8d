import { createHash } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';

/** The user and group PostgreSQL runs as. Undefined: as this process does. */
export interface Account { readonly uid: number; readonly gid: number }

/**
 * PostgreSQL refuses to run as root. As root: the owner of the cluster, else of the data folder, else a user id of its
 * own per data folder. No system user is created: a process needs an id, not an entry in /etc/passwd.
 *
 * 60800–61183 is used by nobody else (systemd's UIDS-GIDS.md lists it as free; dynamic services start at 61184) and
 * is below 65536, the most that a user namespace of a rootless container maps. Not `nobody`: other services run as
 * nobody, and could read the database.
 */
export function chooseAccount(dataDirectory: string, cluster: string): Account | undefined {
  if (process.getuid?.() !== 0) return undefined;
  for (const path of [cluster, dataDirectory]) {
    const owner = statSync(path, { throwIfNoEntry: false });
    if (owner && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid };
  }
  const id = 60_800 + createHash('sha256').update(dataDirectory).digest().readUInt16BE() % 384;
  return { uid: id, gid: id };
}

/** The account `nobody`, for the second in which initdb wants a user with a name; undefined where there is none. */
export function nobodyAccount(): Account | undefined {
  const users = existsSync('/etc/passwd') ? readFileSync('/etc/passwd', 'utf8') : '';
  const entry = /^nobody:[^:]*:(-?\d+):(-?\d+):/m.exec(users);
  return entry ? { uid: Number(entry[1]) >>> 0, gid: Number(entry[2]) >>> 0 } : undefined;
}

/** For `spawn`: the account, and none of our environment (PGPORT or LD_LIBRARY_PATH would change what runs). */
export function spawnOptions(account: Account | undefined): { uid?: number; gid?: number; env: NodeJS.ProcessEnv } {
  return { ...account, env: { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C' } };
}
