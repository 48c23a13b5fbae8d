import type { z } from 'zod';
import { decodeCursor, pageFrom } from '../../core/http/paging.ts';
import { Prisma, type Invitation } from '../../generated/prisma/client.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import { userWithinLimit } from '../limits.ts';
import type { listInvitationsQuery } from './schemas.ts';

/** A page of invitations, the newest first; those of deleted users are not shown. */
export async function listInvitations(context: InstanceContext, { limit, cursor, state }: z.infer<typeof listInvitationsQuery>): Promise<{ items: Invitation[]; next: string | null }> {
  const { keyring } = context.core;
  const scope = `${context.instance.id}\ninvitations\n${state ?? ''}`;
  const [before] = decodeCursor(keyring, scope, cursor) ?? [];
  const found = await context.db.$queryRaw<{ id: string }[]>`
    SELECT "invitation"."id" FROM "Invitation" AS "invitation" JOIN "User" AS "user" ON "user"."instanceId" = "invitation"."instanceId" AND "user"."id" = "invitation"."userId"
     WHERE "invitation"."instanceId" = ${context.instance.id} AND "user"."recycledAt" IS NULL AND ${stateCondition(state, context.now())}
       AND ${userWithinLimit(context, Prisma.sql`"invitation"."userId"`)} AND ${before === undefined ? Prisma.sql`TRUE` : Prisma.sql`"invitation"."id" < ${String(before)}`}
     ORDER BY "invitation"."id" DESC LIMIT ${limit + 1}`;
  const page = pageFrom(keyring, scope, found, limit, ({ id }) => [id]);
  const rows = await context.db.invitation.findMany({ where: { id: { in: page.items.map(({ id }) => id) } }, orderBy: { id: 'desc' } });
  return { items: rows, next: page.next };
}

function stateCondition(state: string | undefined, now: Date): Prisma.Sql {
  if (state === undefined) return Prisma.sql`TRUE`;
  if (state === 'expired') return Prisma.sql`"invitation"."state" = 'open' AND "invitation"."expiresAt" <= ${now}`;
  if (state === 'open') return Prisma.sql`"invitation"."state" = 'open' AND "invitation"."expiresAt" > ${now}`;
  return Prisma.sql`"invitation"."state" = ${state}`;
}
