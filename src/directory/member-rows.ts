/** Users as lists of members read and show them. */
import { Prisma } from '../generated/prisma/client.ts';
import { isUsable } from './user.ts';
import type { UserStatus } from './schemas.ts';

export interface MemberRow {
  readonly id: string;
  readonly username: string;
  readonly displayName: string;
  readonly email: string | null;
  readonly status: UserStatus;
  readonly expiresAt: Date | null;
  readonly recycledAt: Date | null;
}

/** Of "User" AS "user". */
export const memberColumns = Prisma.sql`"user"."id", "user"."username", "user"."displayName", "user"."email", "user"."status", "user"."expiresAt", "user"."recycledAt"`;

export function viewMember({ id, username, displayName, email, status, expiresAt }: MemberRow, now: Date) {
  return { id, username, displayName, email, status: status === 'enabled' && !isUsable({ status, expiresAt }, now) ? 'expired' as const : status };
}
