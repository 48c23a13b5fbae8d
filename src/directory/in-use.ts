/** What stands in the way of a deletion: features that refer to units and groups say here what of theirs does. */
import { type Core, perCore } from '../core/core.ts';
import { Problem } from '../core/errors.ts';
import type { InstanceContext } from '../tenancy/index.ts';

/** Such as `{ kind: 'role assignments', count: 3 }`. Counting may stop at a bound of the feature's own. */
export interface Use { readonly kind: string; readonly count: number; /** Whether there are more than `count`. */ readonly more?: boolean }

/** Runs in the transaction of the deletion, which holds the row. */
export type DescribeUses = (tx: InstanceContext, id: string) => Promise<readonly Use[]>;

const describersOf = perCore((): Record<'unit' | 'group', DescribeUses[]> => ({ unit: [], group: [] }));

/** A unit that `describeUses` knows a use of is not deleted. Call it when the feature is registered. */
export function onOrganizationalUnitUse(core: Core, describeUses: DescribeUses): void {
  describersOf(core).unit.push(describeUses);
}

/** The same for groups. */
export function onGroupUse(core: Core, describeUses: DescribeUses): void {
  describersOf(core).group.push(describeUses);
}

/** @throws Problem 409 that says what uses it */
export async function rejectInUse(tx: InstanceContext, what: 'unit' | 'group', id: string, own: readonly Use[]): Promise<void> {
  const uses = [...own];
  for (const describeUses of describersOf(tx.core)[what]) uses.push(...await describeUses(tx, id));
  const found = uses.filter(({ count }) => count > 0);
  if (found.length === 0) return;
  const list = found.map(({ kind, count, more }) => `${more ? 'more than ' : ''}${count} ${kind}`).join(', ');
  throw new Problem({
    status: 409, code: what === 'unit' ? 'Operation.Failure.Organizational.Unit.In.Use' : 'Operation.Failure.Group.In.Use',
    detail: `This ${what === 'unit' ? 'organizational unit' : 'group'} is in use: ${list}. Remove these first.`, members: { uses: found },
  });
}
