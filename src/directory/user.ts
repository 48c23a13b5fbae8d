import { omit } from '../core/omit.ts';
import type { User as UserRow } from '../generated/prisma/client.ts';
import type { UserStatus } from './schemas.ts';

/** A person of an instance. Passwords and factors are not part of it. */
export type User = Omit<UserRow, 'instanceId' | 'usernameKey' | 'emailKey' | 'status'> & { readonly status: UserStatus };

/** Whether the user may sign in and use tokens at this moment. */
export function isUsable(user: Pick<User, 'status' | 'expiresAt'>, now: Date): boolean {
  return user.status === 'enabled' && (user.expiresAt === null || user.expiresAt > now);
}

export function fromRow(row: UserRow): User {
  return { ...omit(row, 'instanceId', 'usernameKey', 'emailKey'), status: row.status as UserStatus };
}

/** As the REST API and the event log show it. With `now`, an account past its end reads `expired`. */
export function viewUser(user: User, now?: Date) {
  return {
    ...omit(user, 'version'),
    status: now && user.status === 'enabled' && !isUsable(user, now) ? 'expired' as const : user.status,
    expiresAt: user.expiresAt?.toISOString() ?? null,
    createdAt: user.createdAt.toISOString(),
    updatedAt: user.updatedAt.toISOString(),
    lastSignInAt: user.lastSignInAt?.toISOString() ?? null,
  };
}
