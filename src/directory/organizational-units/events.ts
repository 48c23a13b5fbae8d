import type { NewEvent } from '../../events/index.ts';
import { type OrganizationalUnit, viewOrganizationalUnit } from './organizational-unit.ts';

const event = (type: string, { before, after }: { before?: OrganizationalUnit; after?: OrganizationalUnit }): NewEvent => ({
  type,
  subject: { type: 'organizational_unit', id: (after ?? before)?.id ?? '' },
  ...(before && { before: viewOrganizationalUnit(before) }),
  ...(after && { after: viewOrganizationalUnit(after) }),
});

export const organizationalUnitCreated = (after: OrganizationalUnit) => event('organizational_unit.created', { after });
export const organizationalUnitUpdated = (before: OrganizationalUnit, after: OrganizationalUnit) => event('organizational_unit.updated', { before, after });
/** With it all units below have moved; they have no events of their own. */
export const organizationalUnitMoved = (before: OrganizationalUnit, after: OrganizationalUnit) => event('organizational_unit.moved', { before, after });
export const organizationalUnitDeleted = (before: OrganizationalUnit) => event('organizational_unit.deleted', { before });

const unit = (id: string) => ({ type: 'organizational_unit', id });
export const unitMemberAdded = (organizationalUnitId: string, userId: string): NewEvent => ({ type: 'organizational_unit.member_added', subject: unit(organizationalUnitId), after: { userId } });
export const unitMemberRemoved = (organizationalUnitId: string, userId: string): NewEvent => ({ type: 'organizational_unit.member_removed', subject: unit(organizationalUnitId), before: { userId } });
export const primaryUnitChanged = (userId: string, before: string | undefined, after: string | undefined): NewEvent => ({
  type: 'user.primary_organizational_unit_changed', subject: { type: 'user', id: userId },
  ...(before !== undefined && { before: { organizationalUnitId: before } }),
  ...(after !== undefined && { after: { organizationalUnitId: after } }),
});
