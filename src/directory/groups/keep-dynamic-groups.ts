/**
 * Keeps dynamic groups true of users who change: within the change's own transaction, so that the next token knows.
 * All rules are held against the users; rules that change are applied in the background (apply-rule.ts).
 */
import { setImmediate } from 'node:timers/promises';
import type { InstanceContext } from '../../tenancy/index.ts';
import { shareRules } from '../locks.ts';
import { readDynamicMembers, writeDynamicMembers, type Membership } from './dynamic-members.ts';
import { evaluateRule } from './rule.ts';
import { readRuleUsers } from './rule-users.ts';

/** Milliseconds of evaluations after which others get their turn. */
const turnMs = 20;

/** After whatever of these users a rule could see has changed, in the transaction of the change. Users who are recycled keep what they have. */
export async function keepDynamicGroups(tx: InstanceContext, userIds: readonly string[]): Promise<void> {
  if (userIds.length === 0) return;
  await shareRules(tx);
  const groups = await tx.db.group.findMany({ where: { kind: 'dynamic' }, select: { id: true, rule: true }, orderBy: { id: 'asc' } });
  if (groups.length === 0) return;
  const users = (await readRuleUsers(tx, userIds)).filter(({ row }) => row.recycledAt === null);
  const current = await readDynamicMembers(tx, groups.map(({ id }) => id), users.map(({ row }) => row.id));
  const wanted: Membership[] = [];
  let turn = performance.now();
  for (const { row, variables } of users) {
    for (const { id, rule } of groups) {
      if (evaluateRule(rule ?? 'false', variables).matches) wanted.push({ groupId: id, userId: row.id });
      if (performance.now() - turn < turnMs) continue;
      await setImmediate();
      turn = performance.now();
    }
  }
  await writeDynamicMembers(tx, current, wanted);
}
