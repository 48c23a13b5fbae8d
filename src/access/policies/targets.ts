/** The ids that a policy names must be of this instance: asked once, when it is saved. */
import type { FieldError } from '../../core/errors.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import { policyRefused } from './errors.ts';
import type { Targets } from './schemas.ts';

/** @throws Problem 400 that names each list and id */
export async function requireTargets(tx: InstanceContext, lists: { readonly include: Targets; readonly exclude: Targets }): Promise<void> {
  const errors: FieldError[] = [];
  for (const kind of ['users', 'groups', 'organizationalUnits', 'applications', 'networkZones'] as const) {
    const named = [...new Set([...lists.include[kind], ...lists.exclude[kind]])];
    if (named.length === 0) continue;
    const found = await findIds(tx, kind, named);
    for (const side of ['include', 'exclude'] as const) {
      for (const id of lists[side][kind]) if (!found.has(id)) errors.push({ field: `${side}.${kind}`, code: 'unknown', detail: `${id} is not there in this instance` });
    }
  }
  if (errors.length > 0) throw policyRefused(errors.slice(0, 100));
}

async function findIds(tx: InstanceContext, kind: keyof Targets, ids: readonly string[]): Promise<ReadonlySet<string>> {
  const query = { where: { id: { in: [...ids] } }, select: { id: true as const } };
  const { db } = tx;
  const rows = kind === 'users' ? await db.user.findMany(query)
    : kind === 'groups' ? await db.group.findMany(query)
      : kind === 'organizationalUnits' ? await db.organizationalUnit.findMany(query)
        : kind === 'applications' ? await db.application.findMany(query)
          : await db.networkZone.findMany(query);
  return new Set(rows.map(({ id }) => id));
}
