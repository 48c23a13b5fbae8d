import type { NewEvent } from '../../events/index.ts';
import { type Group, viewGroup } from './group.ts';

const event = (type: string, { before, after }: { before?: Group; after?: Group }): NewEvent => ({
  type,
  subject: { type: 'group', id: (after ?? before)?.id ?? '' },
  ...(before && { before: viewGroup(before) }),
  ...(after && { after: viewGroup(after) }),
});

export const groupCreated = (after: Group) => event('group.created', { after });
export const groupUpdated = (before: Group, after: Group) => event('group.updated', { before, after });
/** Its memberships go with it and have no events of their own. */
export const groupDeleted = (before: Group) => event('group.deleted', { before });

const group = (id: string) => ({ type: 'group', id });
export const groupMemberAdded = (groupId: string, userId: string): NewEvent => ({ type: 'group.member_added', subject: group(groupId), after: { userId } });
export const groupMemberRemoved = (groupId: string, userId: string): NewEvent => ({ type: 'group.member_removed', subject: group(groupId), before: { userId } });
export const groupNested = (groupId: string, childGroupId: string): NewEvent => ({ type: 'group.nested', subject: group(groupId), after: { groupId: childGroupId } });
export const groupUnnested = (groupId: string, childGroupId: string): NewEvent => ({ type: 'group.unnested', subject: group(groupId), before: { groupId: childGroupId } });
/** The rule is applied to everybody again, without having changed. */
export const groupRuleApplied = (groupId: string): NewEvent => ({ type: 'group.rule_applied', subject: group(groupId) });
