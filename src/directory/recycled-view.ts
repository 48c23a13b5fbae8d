import type { RecycledUser } from './recycle.ts';
import { viewUser } from './user.ts';

/** As the REST API shows a deleted user. */
export function viewRecycledUser({ user, recycledAt, erasesAt }: RecycledUser) {
  return { ...viewUser(user), recycledAt: recycledAt.toISOString(), erasesAt: erasesAt.toISOString() };
}
