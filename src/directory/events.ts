import type { NewEvent } from '../events/index.ts';
import { viewUser, type User } from './user.ts';

const event = (type: string, { before, after }: { before?: User; after?: User }): NewEvent => ({
  type,
  subject: { type: 'user', id: (after ?? before)?.id ?? '' },
  ...(before && { before: viewUser(before) }),
  ...(after && { after: viewUser(after) }),
});

export const userCreated = (after: User) => event('user.created', { after });
export const userUpdated = (before: User, after: User) => event('user.updated', { before, after });
/** From here on the log names the user by id alone: what is erased is not written down once more. */
const bare = (type: string, userId: string): NewEvent => ({ type, subject: { type: 'user', id: userId } });
export const userRecycled = ({ id }: Pick<User, 'id'>) => bare('user.deleted', id);
export const userRestored = ({ id }: Pick<User, 'id'>) => bare('user.restored', id);
export const userErased = (userId: string) => bare('user.erased', userId);
export const userStatusChanged = (how: 'enabled' | 'disabled' | 'locked' | 'unlocked', before: User, after: User) => event(`user.${how}`, { before, after });
