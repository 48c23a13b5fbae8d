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

/**
 * Holds the keys until the transaction ends and checks that nobody else has them, as whatever kind of identifier.
 * @throws Problem 409
 */
export async function claimIdentifiers(tx: InstanceContext, wanted: Map<string, string[]>, exceptUserId?: string): Promise<void> {
  const keys = [...new Set([...wanted.values()].flat())].sort();
  if (keys.length === 0) return;
  await tx.db.$executeRaw(Prisma.sql`
    SELECT pg_advisory_xact_lock(hashtextextended("instanceId" || chr(10) || "key", 0))
    FROM (SELECT ${tx.instance.id}::text AS "instanceId", unnest(${keys}::text[]) AS "key") AS "wanted"`);
  const holders = await tx.db.user.findMany({
    where: { OR: [{ usernameKey: { in: keys } }, { emailKey: { in: keys } }, { phone: { in: keys } }] },
    select: { id: true, usernameKey: true, emailKey: true, phone: true },
  });
  const held = new Set(holders.filter((user) => user.id !== exceptUserId).flatMap((user) => [user.usernameKey, user.emailKey, user.phone]));
  const taken = [...wanted].filter(([, values]) => values.some((value) => held.has(value))).map(([field]) => field);
  if (taken.length > 0) throw identifierTaken(taken);
}
