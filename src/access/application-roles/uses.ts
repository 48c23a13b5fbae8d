import type { Core } from '../../core/core.ts';
import { onGroupUse, onOrganizationalUnitUse, type Use } from '../../directory/index.ts';
import type { InstanceContext } from '../../tenancy/index.ts';

/** Groups and units that roles were given to are not deleted before those are taken back. */
export function describeRoleUses(core: Core): void {
  onGroupUse(core, (tx, groupId) => usesOf(tx, { groupId }));
  onOrganizationalUnitUse(core, (tx, organizationalUnitId) => usesOf(tx, { organizationalUnitId }));
}

async function usesOf(tx: InstanceContext, subject: { groupId: string } | { organizationalUnitId: string }): Promise<Use[]> {
  return [{ kind: 'application role assignments', count: await tx.db.applicationRoleAssignment.count({ where: subject }) }];
}
