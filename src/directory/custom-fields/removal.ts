/** Takes the values of a deleted field from the users, in portions; may be stopped anywhere and run again. */
import type { Core } from '../../core/core.ts';
import { append } from '../../events/index.ts';
import { instanceContext, key, type InstanceContext } from '../../tenancy/index.ts';
import { announceCustomFields, forgetCustomFields, toCustomField } from './definitions.ts';
import { customFieldDeleted } from './events.ts';

export const removeValuesJob = 'directory.remove-custom-field-values';
const portion = 2_000;

export function registerRemoval(core: Core): void {
  core.jobs.work(removeValuesJob, async ({ instanceId, fieldId }) => {
    const context = await instanceContext(core, instanceId, { principal: { kind: 'system' } });
    if (context && typeof fieldId === 'string') await removeValues(context, fieldId);
  });
}

export async function removeValues(context: InstanceContext, fieldId: string): Promise<void> {
  const row = await context.db.customField.findUnique({ where: key(context, fieldId) });
  if (row?.state !== 'removing') return;
  while (await removePortion(context, fieldId, row.key) > 0);
  await context.transaction(async (tx) => {
    const { count } = await tx.db.customField.deleteMany({ where: { id: fieldId, state: 'removing' } });
    if (count === 0) return;                         // another run of the job has finished it
    await append(tx, customFieldDeleted(toCustomField(row)));
    await announceCustomFields(tx);
  });
  forgetCustomFields(context);
}

function removePortion(context: InstanceContext, fieldId: string, fieldKey: string): Promise<number> {
  return context.transaction(async (tx) => {
    const { id } = tx.instance;
    // Locked in the order of ids, as bulk work does: two of them cannot deadlock.
    const users = await tx.db.$queryRaw<{ id: string }[]>`
      SELECT "id" FROM "User" WHERE "instanceId" = ${id} AND "id" IN (
        SELECT "userId" FROM "CustomFieldValue" WHERE "instanceId" = ${id} AND "fieldId" = ${fieldId} LIMIT ${portion}) ORDER BY "id" FOR UPDATE`;
    const userIds = users.map((user) => user.id);
    await tx.db.$executeRaw`
      UPDATE "User" SET "customFields" = "customFields" - ${fieldKey}, "version" = "version" + 1, "updatedAt" = ${tx.now()} WHERE "instanceId" = ${id} AND "id" = ANY(${userIds}::text[])`;
    return tx.db.$executeRaw`DELETE FROM "CustomFieldValue" WHERE "instanceId" = ${id} AND "fieldId" = ${fieldId} AND "userId" = ANY(${userIds}::text[])`;
  });
}
