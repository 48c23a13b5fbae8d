import { key, type InstanceContext } from '../../tenancy/index.ts';
import { userNotFound } from '../errors.ts';
import { readMemberships } from '../memberships.ts';
import { decodeCursor, pageFrom } from '../../core/http/paging.ts';

/** A page of the groups that a user is in, in effect, by their ids. Read past the cache. @throws Problem 404 */
export async function listGroupsOfUser(context: InstanceContext, userId: string, { limit, cursor }: { limit: number; cursor?: string | undefined }) {
  const user = await context.db.user.findUnique({ where: key(context, userId), select: { recycledAt: true } });
  if (!user || user.recycledAt) throw userNotFound();
  const { keyring } = context.core;
  const scope = `${context.instance.id}\ngroups-of-user\n${userId}`;
  const [after = ''] = decodeCursor(keyring, scope, cursor) ?? [];
  const { groups } = await readMemberships(context, userId);
  const rows = groups.filter(({ id }) => id > String(after)).map(({ id, name, through }) => ({ id, name, through: through ?? null }));
  return pageFrom(keyring, scope, rows, limit, (row) => [row.id]);
}
