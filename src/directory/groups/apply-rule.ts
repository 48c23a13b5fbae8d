/**
 * The job that applies a rule to all users, page by page. Each page is one transaction that also notes how far it
 * came: killed anywhere, the next try goes on there. A newer edit has a job of its own, so an older one stops.
 *
 * A page holds the rules, so that no change of a user lies between its evaluation and its commit meanwhile. It waits
 * for nobody while it does: users whom somebody holds are left for the next page (they may wait for the rules).
 */
import { setImmediate, setTimeout } from 'node:timers/promises';
import type { Core } from '../../core/core.ts';
import { instanceContext, type InstanceContext } from '../../tenancy/index.ts';
import { lockRules } from '../locks.ts';
import { forgetMemberships } from '../memberships.ts';
import { readDynamicMembers, writeDynamicMembers } from './dynamic-members.ts';
import { type Evaluation, evaluateRule } from './rule.ts';
import { ruleJob } from './rule-runs.ts';
import { readNextRuleUsers, type RuleUser } from './rule-users.ts';
import { findStalledRuns } from './stalled-runs.ts';

const pageUsers = 500;
/** Milliseconds of evaluation after which a page ends, however few users it had: others wait for the rules. */
const pageMs = 400;
const turnMs = 20;
const pauseForHeldUsersMs = 50;

/** A run that has not got on for so long was left by a server that is gone. */
const stalledSeconds = 30;

/** Names the job; once for each server. */
export function registerRuleJob(core: Core): void {
  core.jobs.work(ruleJob, async (data) => {
    const context = await instanceContext(core, data.instanceId);
    if (context) await applyRuleOrSayWhyNot(context, String(data['groupId']));
  }, {
    retryLimit: 5, retryDelaySeconds: 2,
    onGivenUp: async (data) => {
      const context = await instanceContext(core, data.instanceId);
      await context?.db.groupRuleRun.updateMany({ where: { groupId: String(data['groupId']), state: { in: ['waiting', 'running'] } }, data: { state: 'failed', finishedAt: context.now(), updatedAt: context.now() } });
    },
  });
  core.jobs.schedule('directory.resume-group-rules', '* * * * *', () => resumeRuleRuns(core));
}

/**
 * Enqueues what waits or runs but stands still. A server that starts takes up all there is: of the one that was killed,
 * most likely; where another one is at it, the second worker does no harm.
 */
export async function resumeRuleRuns(core: Core, { stalledFor = stalledSeconds } = {}): Promise<void> {
  for (const { instanceId, groupId } of await findStalledRuns(core, stalledFor)) {
    const context = await instanceContext(core, instanceId);
    if (context) await core.jobs.enqueue(context.db, ruleJob, { instanceId, groupId }, { singletonKey: `${instanceId}/${groupId}` });
  }
}

async function applyRuleOrSayWhyNot(context: InstanceContext, groupId: string): Promise<void> {
  try {
    await applyRule(context, groupId);
  } catch (error) {
    const reason = error instanceof Error ? error.message.slice(0, 200) : 'unknown';
    await context.db.groupRuleRun.updateMany({ where: { groupId }, data: { error: `The run was interrupted and is tried again: ${reason}` } }).catch(() => undefined);
    throw error;
  }
}

/** Goes on where the run of the group's present rule is; ends with it, or when a newer edit has begun another. */
export async function applyRule(context: InstanceContext, groupId: string): Promise<void> {
  const revision = await startRun(context, groupId);
  if (revision === undefined) return;
  for (;;) {
    const page = await applyPage(context, groupId, revision);
    if (page.changed.length > 0) forgetMemberships(context, page.changed);
    if (page.isLast) return;
    // Those who wait for the rules get them now.
    await (page.isHeldUp ? setTimeout(pauseForHeldUsersMs) : setImmediate());
  }
}

/** Returns the revision to work for; undefined when there is nothing to do. */
async function startRun(context: InstanceContext, groupId: string): Promise<number | undefined> {
  const { id: instanceId } = context.instance;
  const run = await context.db.groupRuleRun.findUnique({ where: { instanceId_groupId: { instanceId, groupId } } });
  if (run?.state !== 'waiting' && run?.state !== 'running') return undefined;
  if (run.state === 'waiting') {
    const total = await context.db.user.count({ where: { recycledAt: null } });
    await context.db.groupRuleRun.updateMany({ where: { groupId, revision: run.revision, state: 'waiting' }, data: { state: 'running', total, startedAt: context.now(), updatedAt: context.now() } });
  }
  return run.revision;
}

interface Page { readonly isLast: boolean; readonly isHeldUp: boolean; readonly changed: readonly string[] }

function applyPage(context: InstanceContext, groupId: string, revision: number): Promise<Page> {
  return context.transaction(async (tx): Promise<Page> => {
    await lockRules(tx);
    const { id: instanceId } = tx.instance;
    const run = await tx.db.groupRuleRun.findUnique({ where: { instanceId_groupId: { instanceId, groupId } } });
    const group = await tx.db.group.findUnique({ where: { instanceId_id: { instanceId, id: groupId } }, select: { rule: true } });
    if (run?.state !== 'running' || run.revision !== revision || typeof group?.rule !== 'string') return { isLast: true, isHeldUp: false, changed: [] };

    const next = await readNextRuleUsers(tx, run.afterId, pageUsers);
    const evaluated = await evaluateSome(group.rule, next);
    const current = await readDynamicMembers(tx, [groupId], evaluated.map(({ user }) => user.row.id));
    const isMember = new Set(current.map(({ userId }) => userId));
    const joining = evaluated.filter(({ user, result }) => result.matches && !isMember.has(user.row.id) && user.row.recycledAt === null).map(({ user }) => user.row.id);
    const held = await findHeld(tx, joining);
    const done = held === undefined ? evaluated : evaluated.slice(0, evaluated.findIndex(({ user }) => user.row.id === held));

    const present = done.filter(({ user }) => user.row.recycledAt === null);
    const presentIds = new Set(present.map(({ user }) => user.row.id));
    const matching = present.filter(({ result }) => result.matches).map(({ user }) => ({ groupId, userId: user.row.id }));
    const before = current.filter(({ userId }) => presentIds.has(userId));
    const changed = await writeDynamicMembers(tx, before, matching);
    const failures = present.flatMap(({ result }) => result.error ?? []);
    const isLast = held === undefined && evaluated.length === next.length && next.length < pageUsers;
    await tx.db.groupRuleRun.updateMany({
      where: { groupId, revision },
      data: {
        afterId: done.at(-1)?.user.row.id ?? run.afterId,
        evaluated: { increment: present.length }, matched: { increment: matching.length }, errors: { increment: failures.length },
        ...(isLast && { state: 'completed', finishedAt: tx.now() }), updatedAt: tx.now(),
        // The first of a user's errors; that a try was interrupted is of no interest once the run goes on.
        ...(run.errors === 0 && { error: failures[0]?.slice(0, 500) ?? null }),
      },
    });
    return { isLast, isHeldUp: held !== undefined, changed };
  });
}

async function evaluateSome(rule: string, users: readonly RuleUser[]): Promise<{ user: RuleUser; result: Evaluation }[]> {
  const evaluated: { user: RuleUser; result: Evaluation }[] = [];
  const begun = performance.now();
  let turn = begun;
  for (const user of users) {
    evaluated.push({ user, result: evaluateRule(rule, user.variables) });
    const now = performance.now();
    if (now - begun > pageMs) break;
    if (now - turn < turnMs) continue;
    await setImmediate();
    turn = performance.now();
  }
  return evaluated;
}

/** The first of these users whom another transaction holds: a reference to it would have to wait. */
async function findHeld(tx: InstanceContext, userIds: readonly string[]): Promise<string | undefined> {
  if (userIds.length === 0) return undefined;
  const rows = await tx.db.$queryRaw<{ id: string }[]>`
    SELECT "id" FROM "User" WHERE "instanceId" = ${tx.instance.id} AND "id" = ANY (${userIds}::text[]) ORDER BY "id" FOR KEY SHARE SKIP LOCKED`;
  const free = new Set(rows.map(({ id }) => id));
  return userIds.find((id) => !free.has(id));
}
