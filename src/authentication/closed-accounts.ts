/** Sessions end with the access of their user, in the same transaction: applications are told of one as of the other. */
import { type Concerned, isUsable, type UserClosing } from '../directory/index.ts';
import { endAllOfUser, revokeAllOfUser } from './sessions.ts';

/** An end of validity that lies ahead is met by the purge when it has come. */
export const endSessionsOfClosedUser: UserClosing = async (tx, before, after) => {
  if (after && isUsable(after, tx.now())) return;
  await endAllOfUser(tx, before.id, after ? 'user_disabled' : 'user_deleted');
  if (!after) await revokeAllOfUser(tx, before.id);
};

/** Also sessions that have ended count: what was granted in them may live on. */
export const usersWithSessions: Concerned = async (tx, userIds) => {
  const rows = await tx.db.session.groupBy({ by: ['userId'], where: { userId: { in: [...userIds] } } });
  return new Set(rows.map(({ userId }) => userId));
};
