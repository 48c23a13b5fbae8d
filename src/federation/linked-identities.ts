/** Who is who at a source. After the first time, a person is found by this alone: never by address or name. */
import { append } from '../events/index.ts';
import { Prisma } from '../generated/prisma/client.ts';
import type { InstanceContext } from '../tenancy/index.ts';
import type { OutsideIdentity } from './connectors/connector.ts';
import { identityTaken, linkNotFound } from './errors.ts';
import * as events from './events.ts';
import type { SourceKind } from './connectors/index.ts';

/** Whom one of the subjects of an identity is connected with here. */
export async function findLinkedUser(context: InstanceContext, sourceId: string, { subjects }: Pick<OutsideIdentity, 'subjects'>): Promise<{ userId: string; subject: string } | undefined> {
  const rows = await context.db.linkedIdentity.findMany({ where: { sourceId, subject: { in: [...subjects] } }, select: { userId: true, subject: true } });
  // The strongest key decides, where two lead to different people.
  return subjects.flatMap((subject) => rows.find((row) => row.subject === subject) ?? [])[0];
}

export interface NewLink {
  readonly sourceId: string;
  readonly subject: string;
  readonly displayName: string | undefined;
  readonly how: 'created' | 'proven' | 'verified_email';
}

/** Within the transaction that completes the flow. @throws Problem 409 when the identity, or the user's place at the source, is taken */
export async function linkIdentity(tx: InstanceContext, userId: string, { sourceId, subject, displayName, how }: NewLink): Promise<void> {
  const { count } = await tx.db.linkedIdentity.createMany({
    data: [{ sourceId, subject, userId, displayName: displayName?.slice(0, 200) ?? null, createdAt: tx.now(), lastUsedAt: tx.now() }], skipDuplicates: true });
  if (count === 0) throw identityTaken();
  await append(tx, events.identityLinked(userId, { sourceId, subject, how }));
}

/** A stronger key than the one it was found by (WeChat's unionid, once the account is bound) takes that one's place. */
export async function noteUse(tx: InstanceContext, sourceId: string, found: string, strongest: string): Promise<void> {
  await tx.db.linkedIdentity.updateMany({ where: { sourceId, subject: found }, data: { subject: strongest, lastUsedAt: tx.now() } });
}

export async function listLinkedIdentities(context: InstanceContext, userId: string) {
  const rows = await context.db.$queryRaw<{ sourceId: string; sourceName: string; kind: SourceKind; subject: string; displayName: string | null; createdAt: Date; lastUsedAt: Date | null }[]>(Prisma.sql`
    SELECT l."sourceId", s.name AS "sourceName", s.kind, l.subject, l."displayName", l."createdAt", l."lastUsedAt"
      FROM "LinkedIdentity" l JOIN "IdentitySource" s ON s."instanceId" = l."instanceId" AND s.id = l."sourceId"
     WHERE l."instanceId" = ${context.instance.id} AND l."userId" = ${userId} ORDER BY s.position, s.id`);
  return rows.map((row) => ({ ...row, createdAt: row.createdAt.toISOString(), lastUsedAt: row.lastUsedAt?.toISOString() ?? null }));
}

/** @throws Problem 404 */
export async function unlinkIdentity(context: InstanceContext, userId: string, sourceId: string): Promise<void> {
  await context.transaction(async (tx) => {
    const link = await tx.db.linkedIdentity.findFirst({ where: { userId, sourceId } });
    if (!link) throw linkNotFound();
    await tx.db.linkedIdentity.deleteMany({ where: { userId, sourceId } });
    await append(tx, events.identityUnlinked(userId, { sourceId, subject: link.subject }));
  });
}
