import type { InstanceContext } from '../../tenancy/index.ts';
import { foldIdentifier } from '../identifiers.ts';

/** The id of the top of the tree, the same in every instance. */
export const rootOrganizationalUnitId = 'ou_root';

/** In the transaction that makes an instance. No event of its own: the instance's says it. */
export async function createRootOrganizationalUnit(tx: InstanceContext): Promise<void> {
  const { id, name } = tx.instance;
  const now = tx.now();
  await tx.db.organizationalUnit.create({
    data: { instanceId: id, id: rootOrganizationalUnitId, name, nameKey: foldIdentifier(name), path: `/${rootOrganizationalUnitId}/`, createdAt: now, updatedAt: now },
  });
}
