/** Who accepted which version of which terms. */
import { decodeCursor, pageFrom } from '../../core/http/paging.ts';
import { newId } from '../../core/ids.ts';
import { userWithinLimit } from '../../directory/index.ts';
import { append } from '../../events/index.ts';
import { Prisma, type TermsAcceptance } from '../../generated/prisma/client.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import { loadTermsInForce, type Paging, type TermsInForce } from './documents.ts';
import { termsAccepted } from './events.ts';

export interface Accepted { readonly documentId: string; readonly number: number; readonly locale: string | null }

/** What is in force and not accepted yet, by an account or by one that is about to be made. One query, and none where there are no terms. */
export async function findMissingTerms(context: InstanceContext, userId: string | undefined): Promise<readonly TermsInForce[]> {
  const inForce = await loadTermsInForce(context);
  if (inForce.length === 0 || userId === undefined) return inForce;
  const accepted = await context.db.termsAcceptance.findMany({ where: { userId, documentId: { in: inForce.map(({ documentId }) => documentId) } }, select: { documentId: true, number: true } });
  return inForce.filter(({ documentId, number }) => !accepted.some((one) => one.documentId === documentId && one.number === number));
}

/** Keeps what was accepted, with time and address; what was accepted before stays as it was. */
export async function storeAcceptances(tx: InstanceContext, userId: string, accepted: readonly Accepted[]): Promise<void> {
  const now = tx.now();
  const made = await tx.db.termsAcceptance.createManyAndReturn({
    data: accepted.map((one) => ({ id: newId('accept', now.getTime()), userId, ...one, address: tx.address ?? null, acceptedAt: now })), skipDuplicates: true });
  await append(tx, ...made.map(({ documentId, number, locale }) => termsAccepted(userId, { documentId, number, locale })));
}

/** The newest first; of users whom the administrator may see. */
export async function listAcceptances(context: InstanceContext, documentId: string, { limit, cursor, userId, number }: Paging & { userId?: string | undefined; number?: number | undefined }): Promise<{ items: TermsAcceptance[]; next: string | null }> {
  const scope = `${context.instance.id}\nacceptances\n${documentId}\n${userId ?? ''}\n${number ?? ''}`;
  const [before] = decodeCursor(context.core.keyring, scope, cursor) ?? [];
  const found = await context.db.$queryRaw<{ id: string }[]>`
    SELECT "accepted"."id" FROM "TermsAcceptance" AS "accepted"
     WHERE "accepted"."instanceId" = ${context.instance.id} AND "accepted"."documentId" = ${documentId}
       AND ${userId === undefined ? Prisma.sql`TRUE` : Prisma.sql`"accepted"."userId" = ${userId}`} AND ${number === undefined ? Prisma.sql`TRUE` : Prisma.sql`"accepted"."number" = ${number}`}
       AND ${userWithinLimit(context, Prisma.sql`"accepted"."userId"`)} AND ${before === undefined ? Prisma.sql`TRUE` : Prisma.sql`"accepted"."id" < ${String(before)}`}
     ORDER BY "accepted"."id" DESC LIMIT ${limit + 1}`;
  const page = pageFrom(context.core.keyring, scope, found, limit, ({ id }) => [id]);
  const rows = await context.db.termsAcceptance.findMany({ where: { id: { in: page.items.map(({ id }) => id) } }, orderBy: { id: 'desc' } });
  return { items: rows, next: page.next };
}
