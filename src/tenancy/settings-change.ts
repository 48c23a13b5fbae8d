/** Changes of settings and branding: sparse, typed, with the state before and after in the log. */
import { checkEntityTag } from '../core/http/entity-tag.ts';
import type { Prisma } from '../generated/prisma/client.ts';
import { append } from '../events/index.ts';
import { invalidParameters } from '../core/errors.ts';
import type { z } from 'zod';
import type { Instance, InstanceContext } from './context.ts';
import * as events from './events.ts';
import { changeInstance, loadInstanceRow, toInstance } from './instances.ts';
import { checkSettingsChange } from './settings-checks.ts';
import { brandingSchema, instanceSettingsSchema } from './settings.ts';
import { mergeInto, readStored, type StoredObject } from './stored-values.ts';

const parts = {
  settings: { schema: instanceSettingsSchema, event: events.settingsChanged },
  branding: { schema: brandingSchema, event: events.brandingChanged },
} as const;

/** The instance as it is stored now, for answers that show their own write. */
export async function loadFreshInstance(context: InstanceContext): Promise<Instance> {
  return toInstance(context.core, await loadInstanceRow(context));
}

/**
 * Lays `patch` over the settings or the branding.
 * @throws Problem 412 when `ifMatch` names another version, 400 when the result contradicts itself, 409 when it would lock
 * out whoever asks or every owner
 */
export function changeSettings(context: InstanceContext, part: keyof typeof parts, patch: StoredObject, ifMatch?: string, { allowLockOut = false }: { allowLockOut?: boolean } = {}): Promise<Instance> {
  const { schema, event } = parts[part];
  return changeInstance(context, async (tx, row) => {
    checkEntityTag(ifMatch, row.version - 1);         // the lock on the row has raised it already
    const before = row[part] as StoredObject;
    const after = mergeInto(schema, before, patch);
    checkWhole(schema, after);
    if (part === 'settings') {
      await checkSettingsChange(tx, readStored(instanceSettingsSchema, before), readStored(instanceSettingsSchema, after), { allowLockOut });
    }
    const changed = await tx.db.instance.update({ where: { id: row.id }, data: { [part]: after as Prisma.InputJsonObject } });
    await append(tx, event(row.id, difference(before, after)));
    return toInstance(tx.core, changed);
  });
}

/** Rules between fields show only in the whole. */
function checkWhole(schema: z.ZodObject, value: StoredObject): void {
  try {
    readStored(schema, value);
  } catch (error) {
    const issues = (error as Partial<z.ZodError>).issues;
    if (!issues) throw error;
    throw invalidParameters(issues.map((issue) => ({ field: issue.path.join('.'), code: issue.code, detail: issue.message })));
  }
}

function difference(before: StoredObject, after: StoredObject): { before: StoredObject; after: StoredObject } {
  const names = Object.keys(after).filter((name) => JSON.stringify(before[name]) !== JSON.stringify(after[name]));
  const only = (values: StoredObject) => Object.fromEntries(names.map((name) => [name, values[name] ?? null]));
  return { before: only(before), after: only(after) };
}
