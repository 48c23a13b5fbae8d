/** The verbs on access policies. Every change holds the lock of zones, so that none goes while a policy is made that names it. */
import { isUniqueViolation } from '../../core/database.ts';
import { checkEntityTag } from '../../core/http/entity-tag.ts';
import { decodeCursor, pageFrom } from '../../core/http/paging.ts';
import { newId } from '../../core/ids.ts';
import { append, type NewEvent } from '../../events/index.ts';
import { Prisma } from '../../generated/prisma/client.ts';
import { key, lockZones, type InstanceContext } from '../../tenancy/index.ts';
import { announcePolicies, forgetPolicies, readPolicies } from './compile.ts';
import { policyNameTaken, policyNotFound, policyRefused, tooManyPolicies } from './errors.ts';
import * as events from './events.ts';
import { rejectLockOut } from './guard.ts';
import { type AccessPolicy, fromRow, inOrder, type SecondFactorRule } from './policy.ts';
import { type CreatePolicy, methodNamed, targetsSchema, type UpdatePolicy } from './schemas.ts';
import { requireTargets } from './targets.ts';
import { compileCondition } from './variables.ts';

/** All of an instance lie in memory, and each may be asked at a sign-in. */
export const mostPolicies = 200;

type Change = { readonly ifMatch?: string | undefined };

/** @throws Problem 400 (ids, condition), 409 (name taken; it would lock every owner out) */
export async function createPolicy(context: InstanceContext, input: CreatePolicy): Promise<AccessPolicy> {
  return changing(context, async (tx) => {
    const policy = draftPolicy(tx, input);
    await requireTargets(tx, policy);
    if (await tx.db.accessPolicy.count() >= mostPolicies) throw tooManyPolicies(mostPolicies);
    const after = fromRow(await tx.db.accessPolicy.create({ data: { id: policy.id, createdAt: policy.createdAt, ...columnsOf(policy) } }));
    return { result: after, events: [events.policyCreated(after)] };
  });
}

/** @throws Problem 404, 400, 409, 412 */
export async function updatePolicy(context: InstanceContext, policyId: string, change: UpdatePolicy, options: Change = {}): Promise<AccessPolicy> {
  return changing(context, async (tx) => {
    const before = await readPolicy(tx, policyId);
    checkEntityTag(options.ifMatch, before.version);
    const after = completePolicy(tx, before, change);
    await requireTargets(tx, after);
    const row = await tx.db.accessPolicy.update({ where: key(tx, policyId), data: { ...columnsOf(after), version: before.version + 1 } });
    const written = fromRow(row);
    return { result: written, events: [events.policyUpdated(before, written)] };
  });
}

/** Gives several policies a new place at once. @throws Problem 400 (an unknown one, or one twice), 409 */
export async function reorderPolicies(context: InstanceContext, priorities: readonly { policyId: string; priority: number }[]): Promise<AccessPolicy[]> {
  return changing(context, async (tx) => {
    const all = new Map((await readPolicies(tx)).map((policy) => [policy.id, policy]));
    const wanted = new Map(priorities.map(({ policyId, priority }) => [policyId, priority]));
    const unknown = [...wanted.keys()].filter((id) => !all.has(id));
    if (unknown.length > 0) throw policyRefused(unknown.map((id) => ({ field: 'priorities', code: 'unknown', detail: `${id} is not an access policy of this instance` })));
    if (wanted.size < priorities.length) throw policyRefused([{ field: 'priorities', code: 'repeated', detail: 'names a policy twice' }]);
    const changes: NewEvent[] = [];
    for (const before of all.values()) {
      const priority = wanted.get(before.id) ?? before.priority;
      if (priority === before.priority) continue;
      const after = fromRow(await tx.db.accessPolicy.update({ where: key(tx, before.id), data: { priority, version: before.version + 1, updatedAt: tx.now() } }));
      all.set(after.id, after);
      changes.push(events.policyUpdated(before, after));
    }
    return { result: [...all.values()].sort(inOrder), events: changes };
  });
}

/** Lets every enabled policy only report: the operator's way back in. Returns those that were enabled. */
export async function suspendPolicies(context: InstanceContext): Promise<AccessPolicy[]> {
  return changing(context, async (tx) => {
    const enabled = (await readPolicies(tx)).filter(({ status }) => status === 'enabled');
    const changes: NewEvent[] = [];
    for (const before of enabled) {
      const row = await tx.db.accessPolicy.update({ where: key(tx, before.id), data: { status: 'report_only', version: before.version + 1, updatedAt: tx.now() } });
      changes.push(events.policyUpdated(before, fromRow(row)));
    }
    return { result: enabled, events: changes };
  });
}

/** Also a deletion can lock out: that of the policy which let owners in. @throws Problem 404, 409, 412 */
export async function deletePolicy(context: InstanceContext, policyId: string, options: Change = {}): Promise<void> {
  await changing(context, async (tx) => {
    const before = await readPolicy(tx, policyId);
    checkEntityTag(options.ifMatch, before.version);
    await tx.db.accessPolicy.delete({ where: key(tx, policyId) });
    return { result: undefined, events: [events.policyDeleted(before)] };
  });
}

/** From the database. @throws Problem 404 */
export async function readPolicy(context: InstanceContext, policyId: string): Promise<AccessPolicy> {
  const row = await context.db.accessPolicy.findUnique({ where: key(context, policyId) });
  if (!row) throw policyNotFound();
  return fromRow(row);
}

/** In the order in which they are asked. */
export async function listPolicies(context: InstanceContext, { limit, cursor }: { limit: number; cursor?: string | undefined }) {
  const { keyring } = context.core;
  const scope = `${context.instance.id}/access-policies`;
  const [priority, createdAt, id] = decodeCursor(keyring, scope, cursor) ?? [];
  const isAfter = (policy: AccessPolicy) => cursor === undefined
    || (policy.priority - Number(priority) || policy.createdAt.getTime() - Number(createdAt) || (policy.id > String(id) ? 1 : 0)) > 0;
  const rest = (await readPolicies(context)).filter(isAfter);
  return pageFrom(keyring, scope, rest.slice(0, limit + 1), limit, (policy) => [policy.priority, policy.createdAt.getTime(), policy.id]);
}

const noTargets = targetsSchema.parse({});

/** A policy that is not saved yet. @throws Problem 400 */
export function draftPolicy(context: InstanceContext, input: CreatePolicy): AccessPolicy {
  const now = context.now();
  return completePolicy(context, {
    id: newId('policy', now.getTime()), name: input.name, description: null, priority: input.priority, status: 'enabled', effect: input.effect,
    include: noTargets, exclude: noTargets, condition: null, secondFactor: null, version: 1, createdAt: now, updatedAt: now,
  }, input);
}

/** @throws Problem 400 when the parts do not go together */
function completePolicy(context: InstanceContext, before: AccessPolicy, change: UpdatePolicy): AccessPolicy {
  const { secondFactor, condition, ...rest } = change;
  const named = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined)) as Partial<Omit<AccessPolicy, 'secondFactor' | 'condition'>>;
  const text = condition === undefined ? before.condition : condition?.trim();
  const after: AccessPolicy = {
    ...before, ...named, updatedAt: context.now(),
    condition: text === undefined || text === '' ? null : text,
    secondFactor: secondFactor === undefined ? keptSecondFactor(before, named.effect) : secondFactor && { methods: [...new Set(secondFactor.methods.map(methodNamed))], intervalSeconds: secondFactor.intervalSeconds },
  };
  if (after.condition !== null) compileCondition(after.condition);
  if (after.effect === 'require_second_factor' && after.secondFactor === null) throw policyRefused([{ field: 'secondFactor', code: 'missing', detail: 'name the methods that count, as the effect is require_second_factor' }]);
  if (after.effect !== 'require_second_factor' && after.secondFactor !== null) throw policyRefused([{ field: 'secondFactor', code: 'unused', detail: `belongs to the effect require_second_factor, and this one is ${after.effect}` }]);
  return after;
}

/** It goes with the effect that it belongs to. */
const keptSecondFactor = (before: AccessPolicy, effect: AccessPolicy['effect'] = before.effect): SecondFactorRule | null => (effect === 'require_second_factor' ? before.secondFactor : null);

function columnsOf(policy: AccessPolicy) {
  const { name, description, priority, status, condition, effect, include, exclude, secondFactor, updatedAt } = policy;
  return {
    name, description, priority, status, condition, effect, updatedAt, include: { ...include }, exclude: { ...exclude },
    secondFactor: secondFactor === null ? Prisma.DbNull : { methods: [...secondFactor.methods], intervalSeconds: secondFactor.intervalSeconds },
  };
}

async function changing<Result>(context: InstanceContext, work: (tx: InstanceContext) => Promise<{ result: Result; events: readonly NewEvent[] }>): Promise<Result> {
  try {
    const result = await context.transaction(async (tx) => {
      await lockZones(tx);
      const made = await work(tx);
      await rejectLockOut(tx);
      if (made.events.length > 0) await append(tx, ...made.events);
      await announcePolicies(tx);
      return made.result;
    });
    forgetPolicies(context);
    return result;
  } catch (error) {
    throw isUniqueViolation(error) ? policyNameTaken() : error;
  }
}
