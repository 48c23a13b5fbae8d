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
export const userDeleted = (before: User) => event('user.deleted', { before });
export const userStatusChanged = (how: 'enabled' | 'disabled' | 'locked' | 'unlocked', before: User, after: User) => event(`user.${how}`, { before, after });
