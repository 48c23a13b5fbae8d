/** What administrators may do, and where. Read from the database here; authorize.ts asks the memory of it. */
import { createInstanceCache, type InstanceCache } from '../core/cache.ts';
import { perCore } from '../core/core.ts';
import { onUserChanged } from '../directory/index.ts';
import { instanceContext, type InstanceContext } from '../tenancy/index.ts';
import { knownPermissions } from './permissions.ts';
import { hasPermission, isBuiltInRole, permissionsOfBuiltIn } from './roles.ts';

export interface Rights {
  /** Held in the whole instance; `*` stands for all. */
  readonly everywhere: readonly string[];
  /** Held in the subtree of a unit with this path only. */
  readonly parts: readonly { readonly path: string; readonly permissions: readonly string[] }[];
}

const noRights: Rights = { everywhere: [], parts: [] };

const rightsCache = perCore((core): InstanceCache<Rights> => {
  const cache = createInstanceCache<Rights>({
    // Signals tell at once; the time to live bounds how long a lost one, or a unit that was moved, can matter.
    signals: core.signals, channel: 'access.administrator', max: 10_000, ttlMs: 900, absentTtlMs: 900,
    load: async (instanceId, userId) => {
      const context = await instanceContext(core, instanceId);
      return context && (await readRights(context, [userId])).get(userId);
    },
  });
  onUserChanged(core, (instanceId, userId) => cache.forget(instanceId, userId));
  return cache;
});

/** From memory, true of any server's change within a second; nothing for those who are no administrators. */
export async function findRights(context: InstanceContext, userId: string): Promise<Rights> {
  return await rightsCache(context.core).get(context.instance.id, userId) ?? noRights;
}

/** Within the transaction of the change; `userId` undefined: of everybody. */
export function announceRights(tx: InstanceContext, userId?: string): Promise<void> {
  return rightsCache(tx.core).invalidate(tx.db, tx.instance.id, userId);
}

/** After the change, so that this server does not wait for its own signal. */
export function forgetRights(context: InstanceContext, userId?: string): void {
  if (userId === undefined) rightsCache(context.core).forgetInstance(context.instance.id);
  else rightsCache(context.core).forget(context.instance.id, userId);
}

interface Row { userId: string; role: string; limited: boolean; permissions: string[] | null; path: string | null }

/** Of these users those who are administrators. A role that this version does not know gives nothing. */
export async function readRights(context: InstanceContext, userIds: readonly string[]): Promise<Map<string, Rights>> {
  const rows = await context.db.$queryRaw<Row[]>`
    SELECT "assignment"."userId", "assignment"."role", "assignment"."limited", "custom"."permissions", "unit"."path"
      FROM "AdministratorAssignment" AS "assignment"
      LEFT JOIN "AdministratorRole" AS "custom" ON "custom"."instanceId" = "assignment"."instanceId" AND "custom"."id" = "assignment"."customRoleId"
      LEFT JOIN "AdministratorLimit" AS "limit" ON "limit"."instanceId" = "assignment"."instanceId" AND "limit"."userId" = "assignment"."userId" AND "limit"."role" = "assignment"."role"
      LEFT JOIN "OrganizationalUnit" AS "unit" ON "unit"."instanceId" = "limit"."instanceId" AND "unit"."id" = "limit"."organizationalUnitId"
     WHERE "assignment"."instanceId" = ${context.instance.id} AND "assignment"."userId" = ANY (${userIds}::text[])`;
  const known = [...knownPermissions(context.core).keys()];
  const found = new Map<string, { everywhere: Set<string>; parts: { path: string; permissions: readonly string[] }[] }>();
  for (const { userId, role, limited, permissions, path } of rows) {
    const rights = found.get(userId) ?? { everywhere: new Set<string>(), parts: [] };
    found.set(userId, rights);
    const names = isBuiltInRole(role) ? permissionsOfBuiltIn(role, known) : permissions ?? [];
    if (!limited) for (const name of names) rights.everywhere.add(name);
    else if (path !== null) rights.parts.push({ path, permissions: names });
  }
  return new Map([...found].map(([userId, { everywhere, parts }]) => [userId, { everywhere: [...everywhere], parts }]));
}

/** Where a permission is held: everywhere, in these subtrees, or nowhere (undefined). */
export function placesOfPermission(rights: Rights, permission: string): 'everywhere' | readonly string[] | undefined {
  if (hasPermission(rights.everywhere, permission)) return 'everywhere';
  const paths = [...new Set(rights.parts.filter(({ permissions }) => hasPermission(permissions, permission)).map(({ path }) => path))];
  return paths.length === 0 ? undefined : paths;
}
