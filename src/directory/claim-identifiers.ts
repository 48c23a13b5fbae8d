/**
 * Usernames, e-mail addresses and telephone numbers share one space: nobody's username may be another one's address,
 * because a person signs in with either. Unique indexes guard each column; what crosses columns is guarded here.
 */
import { Prisma } from '../generated/prisma/client.ts';
import type { InstanceContext } from '../tenancy/index.ts';
import { identifierTaken } from './errors.ts';
import { foldIdentifier, foldPhone } from './identifiers.ts';

/** The keys that a new or changed user wants, by field. A username that reads as a number claims the number. */
export function identifierKeys(user: { username?: string | undefined; email?: string | null | undefined; phone?: string | null | undefined }): Map<string, string[]> {
  const wanted = new Map<string, string[]>();
  if (user.username) wanted.set('username', [foldIdentifier(user.username), foldPhone(user.username) ?? ''].filter(Boolean));
  if (user.email) wanted.set('email', [foldIdentifier(user.email)]);
  if (user.phone) wanted.set('phone', [user.phone]);
  return wanted;
}

/** The names that a new or changed user wants. */
export interface Claim { readonly userId: string; readonly wanted: ReadonlyMap<string, readonly string[]> }

/**
 * Holds the keys until the transaction ends and looks who else has them, as whatever kind of identifier: one already
 * there (also a deleted one until it is erased), or an earlier claim of the same batch.
 * @returns the fields that are taken, by user
 */
export async function findTakenIdentifiers(tx: InstanceContext, claims: readonly Claim[]): Promise<Map<string, string[]>> {
  const keys = [...new Set(claims.flatMap(({ wanted }) => [...wanted.values()].flat()))];
  if (keys.length === 0) return new Map();
  // A lock for each part of the keys, not for each key: a server has room for some thousands in all.
  await tx.db.$executeRaw(Prisma.sql`
    SELECT pg_advisory_xact_lock(hashtextextended("instanceId" || chr(10) || "part", 0))
    FROM (SELECT DISTINCT ${tx.instance.id}::text AS "instanceId", hashtextextended("key", 0) & 511 AS "part" FROM unnest(${keys}::text[]) AS "wanted"("key") ORDER BY "part") AS "parts"`);
  const holders = await tx.db.user.findMany({
    where: { OR: [{ usernameKey: { in: keys } }, { emailKey: { in: keys } }, { phone: { in: keys } }] },
    select: { id: true, usernameKey: true, emailKey: true, phone: true },
  });
  const holderOf = new Map<string, string>();
  for (const { id, usernameKey, emailKey, phone } of holders) for (const key of [usernameKey, emailKey, phone]) if (key !== null) holderOf.set(key, id);
  const taken = new Map<string, string[]>();
  for (const { userId, wanted } of claims) {
    const fields = [...wanted].filter(([, values]) => values.some((value) => (holderOf.get(value) ?? userId) !== userId)).map(([field]) => field);
    if (fields.length > 0) taken.set(userId, fields);
    else for (const key of [...wanted.values()].flat()) holderOf.set(key, userId);
  }
  return taken;
}

/**
 * The same for one user, who may be new.
 * @throws Problem 409
 */
export async function claimIdentifiers(tx: InstanceContext, wanted: ReadonlyMap<string, readonly string[]>, userId = ''): Promise<void> {
  const fields = (await findTakenIdentifiers(tx, [{ userId, wanted }])).get(userId);
  if (fields) throw identifierTaken(fields);
}
