/** Puts users who were just created into units and groups: many at once, and nobody knew anything of them before. */
import { invalidParameters } from '../core/errors.ts';
import { append } from '../events/index.ts';
import type { InstanceContext } from '../tenancy/index.ts';
import { groupMemberAdded } from './groups/events.ts';
import { beyondLimit, limitPathsOf, unitsWithinLimit } from './limits.ts';
import { unitMemberAdded } from './organizational-units/events.ts';

export interface Place { readonly organizationalUnitIds?: readonly string[] | undefined; readonly groupIds?: readonly string[] | undefined }

/** What may be named: units within the limit of the principal, and static groups. */
export interface Places { readonly units: ReadonlySet<string>; readonly groups: ReadonlySet<string> }

/** Reads and holds the units and groups that new users are to belong to. */
export async function holdPlaces(tx: InstanceContext, wanted: readonly Place[]): Promise<Places> {
  const unitIds = [...new Set(wanted.flatMap(({ organizationalUnitIds = [] }) => organizationalUnitIds))];
  const groupIds = [...new Set(wanted.flatMap(({ groupIds: ids = [] }) => ids))];
  const units = unitIds.length === 0 ? [] : await tx.db.$queryRaw<{ id: string }[]>`
    SELECT "id" FROM "OrganizationalUnit" WHERE "instanceId" = ${tx.instance.id} AND "id" = ANY (${unitIds}::text[]) ORDER BY "id" FOR KEY SHARE`;
  const groups = groupIds.length === 0 ? [] : await tx.db.$queryRaw<{ id: string }[]>`
    SELECT "id" FROM "Group" WHERE "instanceId" = ${tx.instance.id} AND "kind" = 'static' AND "id" = ANY (${groupIds}::text[]) ORDER BY "id" FOR KEY SHARE`;
  return { units: await unitsWithinLimit(tx, units.map(({ id }) => id)), groups: new Set(groups.map(({ id }) => id)) };
}

/** @throws Problem 400 (a unit or group that is not there), 403 (a limited administrator makes users in their own units) */
export function checkPlace(tx: InstanceContext, { organizationalUnitIds = [], groupIds = [] }: Place, places: Places): void {
  if (limitPathsOf(tx) !== undefined) {
    if (organizationalUnitIds.length === 0) throw beyondLimit('You administer some organizational units: name one of them in organizationalUnitIds.');
    if (groupIds.length > 0) throw beyondLimit('You administer some organizational units: groups are for administrators of all of them.');
  }
  const errors = [
    ...organizationalUnitIds.flatMap((id, index) => (places.units.has(id) ? [] : [{ field: `organizationalUnitIds.${index}`, code: 'unknown', detail: 'is no organizational unit of this instance' }])),
    ...groupIds.flatMap((id, index) => (places.groups.has(id) ? [] : [{ field: `groupIds.${index}`, code: 'unknown', detail: 'is no static group of this instance' }])),
  ];
  if (errors.length > 0) throw invalidParameters(errors);
}

/** The places were checked. */
export async function placeNewUsers(tx: InstanceContext, users: readonly (Place & { readonly userId: string })[]): Promise<void> {
  const createdAt = tx.now();
  const units = users.flatMap(({ userId, organizationalUnitIds = [] }) => organizationalUnitIds.map((organizationalUnitId, index) => ({ userId, organizationalUnitId, isPrimary: index === 0, createdAt })));
  const groups = users.flatMap(({ userId, groupIds = [] }) => groupIds.map((groupId) => ({ userId, groupId, createdAt })));
  if (units.length > 0) await tx.db.organizationalUnitMember.createMany({ data: units });
  if (groups.length > 0) await tx.db.groupMember.createMany({ data: groups });
  const events = [
    ...units.map(({ organizationalUnitId, userId }) => unitMemberAdded(organizationalUnitId, userId)),
    ...groups.map(({ groupId, userId }) => groupMemberAdded(groupId, userId)),
  ];
  if (events.length > 0) await append(tx, ...events);
}
