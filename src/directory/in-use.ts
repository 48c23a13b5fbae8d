/** What stands in the way of a deletion: features that refer to units and groups say here what of theirs does. */
import { type Core, perCore } from '../core/core.ts';
import { Problem } from '../core/errors.ts';
import type { InstanceContext } from '../tenancy/index.ts';

/** Such as `{ kind: 'role assignments', count: 3 }`. Counting may stop at a bound of the feature's own. */
export interface Use { readonly kind: string; readonly count: number; /** Whether there are more than `count`. */ readonly more?: boolean }

/** Runs in the transaction of the deletion, which holds the row. */
export type DescribeUses = (tx: InstanceContext, id: string) => Promise<readonly Use[]>;

const describersOf = perCore((): Record<'unit' | 'group' | 'field', DescribeUses[]> => ({ unit: [], group: [], field: [] }));

/** A unit that `describeUses` knows a use of is not deleted. Call it when the feature is registered. */
export function onOrganizationalUnitUse(core: Core, describeUses: DescribeUses): void {
  describersOf(core).unit.push(describeUses);
}

/** The same for groups. */
export function onGroupUse(core: Core, describeUses: DescribeUses): void {
  describersOf(core).group.push(describeUses);
}

/** The same for custom fields; `describeUses` gets the key, and what it finds is named by its `kind` ("the policy Nights"). */
export function onCustomFieldUse(core: Core, describeUses: DescribeUses): void {
  describersOf(core).field.push(describeUses);
}

/** What speaks of a custom field. */
export async function customFieldUses(tx: InstanceContext, fieldKey: string): Promise<readonly Use[]> {
  const uses: Use[] = [];
  for (const describeUses of describersOf(tx.core).field) uses.push(...await describeUses(tx, fieldKey));
  return uses.filter(({ count }) => count > 0);
}

/** A pattern of PostgreSQL for texts that speak of a custom field: `user.dict.team`, `user.dict["team"]`, `attribute:dict.team`. */
export const namesCustomField = (fieldKey: string): string => `dict\\W+${fieldKey}\\M`;

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
