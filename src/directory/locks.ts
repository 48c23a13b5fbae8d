/**
 * Locks of an instance that end with the transaction. Who takes several takes them in this order, and before rows:
 * tree, nesting, rules; so that no two wait for each other.
 */
import { perCore } from '../core/core.ts';
import type { InstanceContext } from '../tenancy/index.ts';

/** Until the transaction ends nobody else changes the shape of the tree: paths that were read stay true. */
export const lockTree = (tx: InstanceContext) => lock(tx, 'organizational-units');

/** Until the transaction ends nobody else nests groups: a circle cannot arise from two halves. */
export const lockNesting = (tx: InstanceContext) => lock(tx, 'group-nesting');

/** For edits of a rule and for applying it to a page of users: no change of a user is between its evaluation and its commit. */
export const lockRules = (tx: InstanceContext) => lock(tx, 'group-rules');

/** For changes of users: any number at a time, none while a rule is edited or applied. */
export async function shareRules(tx: InstanceContext): Promise<void> {
  await tx.db.$executeRaw`SELECT pg_advisory_xact_lock_shared(hashtextextended("instanceId" || chr(10) || 'group-rules', 0)) FROM (SELECT ${tx.instance.id}::text AS "instanceId") AS "held"`;
}

const turnsOf = perCore(() => new Map<string, Promise<unknown>>());

/**
 * Runs requests that would wait for the same lock one after the other, so that those of one server wait here and not
 * each in a transaction, on a connection that sign-ins need. For routes: inside of a transaction it could wait for itself.
 */
export async function inTurn<Result>({ core, instance }: InstanceContext, what: 'tree' | 'nesting', work: () => Promise<Result>): Promise<Result> {
  const turns = turnsOf(core);
  const key = `${instance.id}\n${what}`;
  const turn = (turns.get(key) ?? Promise.resolve()).then(work, work);
  const settled = turn.catch(() => undefined);
  turns.set(key, settled);
  try {
    return await turn;
  } finally {
    if (turns.get(key) === settled) turns.delete(key);
  }
}

async function lock(tx: InstanceContext, what: string): Promise<void> {
  await tx.db.$executeRaw`SELECT pg_advisory_xact_lock(hashtextextended("instanceId" || chr(10) || ${what}::text, 0)) FROM (SELECT ${tx.instance.id}::text AS "instanceId") AS "held"`;
}
