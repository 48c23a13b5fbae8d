/** The verbs on groups; members have files of their own. */
import { isUniqueViolation } from '../../core/database.ts';
import { checkEntityTag } from '../../core/http/entity-tag.ts';
import { newId } from '../../core/ids.ts';
import { append } from '../../events/index.ts';
import { key, type InstanceContext } from '../../tenancy/index.ts';
import { foldIdentifier } from '../identifiers.ts';
import { rejectInUse } from '../in-use.ts';
import { lockNesting } from '../locks.ts';
import { announceMemberships, forgetMemberships } from '../memberships.ts';
import { groupNameTaken, noRuleHere, ruleMissing, ruleOfStatic, tooManyMembers } from './errors.ts';
import { groupCreated, groupDeleted, groupUpdated } from './events.ts';
import { fromRow, type Group, loadGroupForUpdate } from './group.ts';
import { compileRule } from './rule.ts';
import { rejectRuleBeyondRights } from './rule-rights.ts';
import { beginRuleRun } from './rule-runs.ts';
import type { CreateGroup, UpdateGroup } from './schemas.ts';

/** Most members that one call takes out by deleting or replacing. */
export const mostAtOnce = 10_000;

/** A dynamic group fills up in the background. @throws Problem 409 (name taken), 400 (rule absent, or wrong: where, is said) */
export function createGroup(context: InstanceContext, group: CreateGroup): Promise<Group> {
  const kind = group.kind ?? 'static';
  if (kind === 'dynamic' && group.rule === undefined) throw ruleMissing();
  if (kind === 'static' && group.rule !== undefined) throw ruleOfStatic();
  if (group.rule !== undefined) checkRule(context, group.rule);
  return refusingTwins(() => context.transaction(async (tx) => {
    const now = tx.now();
    const created = fromRow(await tx.db.group.create({
      data: {
        instanceId: tx.instance.id, id: newId('group', now.getTime()), name: group.name, nameKey: foldIdentifier(group.name), kind,
        rule: group.rule ?? null, description: group.description ?? null, externalId: group.externalId ?? null, createdAt: now, updatedAt: now,
      },
    }));
    await append(tx, groupCreated(created));
    if (kind === 'dynamic') await beginRuleRun(tx, created.id);
    return created;
  }));
}

/** Changes what `change` names; null clears. @throws Problem 404, 409 (name taken, or a rule for a static group), 400 (wrong rule), 412 */
export async function updateGroup(context: InstanceContext, groupId: string, change: UpdateGroup, options: { ifMatch?: string | undefined } = {}): Promise<Group> {
  if (change.rule !== undefined) checkRule(context, change.rule);
  const { renamed, after } = await refusingTwins(() => context.transaction(async (tx) => {
    const before = await loadGroupForUpdate(tx, groupId);
    checkEntityTag(options.ifMatch, before.version);
    if (change.rule !== undefined && before.kind === 'static') throw noRuleHere();
    const after = fromRow(await tx.db.group.update({
      where: key(tx, groupId),
      data: {
        ...(change.name !== undefined && { name: change.name, nameKey: foldIdentifier(change.name) }),
        ...(change.description !== undefined && { description: change.description }),
        ...(change.externalId !== undefined && { externalId: change.externalId }),
        ...(change.rule !== undefined && { rule: change.rule }),
        version: before.version + 1, updatedAt: tx.now(),
      },
    }));
    await append(tx, groupUpdated(before, after));
    if (after.rule !== before.rule) await beginRuleRun(tx, groupId);
    const renamed = after.name !== before.name;
    if (renamed) await announceMemberships(tx, 'everybody');
    return { renamed, after };
  }));
  if (renamed) forgetMemberships(context, 'everybody');
  return after;
}

/** Its memberships go with it. @throws Problem 404, 409 (in use: by what, is said; or too large), 412 */
export async function deleteGroup(context: InstanceContext, groupId: string, options: { ifMatch?: string | undefined } = {}): Promise<void> {
  await context.transaction(async (tx) => {
    await lockNesting(tx);
    const before = await loadGroupForUpdate(tx, groupId, { forDeletion: true });
    checkEntityTag(options.ifMatch, before.version);
    await rejectInUse(tx, 'group', groupId, [{ kind: 'groups that it is nested in', count: await tx.db.groupNesting.count({ where: { childGroupId: groupId } }) }]);
    if (await countMembers(tx, groupId) > mostAtOnce) throw tooManyMembers(mostAtOnce, 'deleted');
    await tx.db.group.delete({ where: key(tx, groupId) });
    await append(tx, groupDeleted(before));
    await announceMemberships(tx, 'everybody');
  });
  forgetMemberships(context, 'everybody');
}

/** Counts no further than `mostAtOnce` and one. */
export async function countMembers(tx: InstanceContext, groupId: string): Promise<number> {
  const [row] = await tx.db.$queryRaw<{ count: number }[]>`
    SELECT count(*)::int AS "count" FROM (SELECT 1 FROM "GroupMember" WHERE "instanceId" = ${tx.instance.id} AND "groupId" = ${groupId} LIMIT ${mostAtOnce + 1}) AS "members"`;
  return row?.count ?? 0;
}

/** @throws Problem 403, 400 that says where the rule is wrong */
function checkRule(context: InstanceContext, rule: string): void {
  rejectRuleBeyondRights(context);
  compileRule(rule);
}

async function refusingTwins<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    throw isUniqueViolation(error) ? groupNameTaken() : error;
  }
}
