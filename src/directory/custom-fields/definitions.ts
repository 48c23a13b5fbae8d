/** The custom fields of an instance, kept in memory: every change of a user is held against them. */
import { createInstanceCache, type InstanceCache } from '../../core/cache.ts';
import { perCore } from '../../core/core.ts';
import { omit } from '../../core/omit.ts';
import type { CustomField as CustomFieldRow } from '../../generated/prisma/client.ts';
import { instanceContext, type InstanceContext } from '../../tenancy/index.ts';
import { compilePattern } from './patterns.ts';
import type { CustomFieldType, Visibility } from './schemas.ts';

export interface CustomField extends Omit<CustomFieldRow, 'instanceId' | 'type' | 'visibleTo' | 'state'> {
  readonly type: CustomFieldType;
  readonly visibleTo: Visibility;
  readonly state: 'active' | 'removing';
  /** Whether the whole text has the form of `pattern`; always where there is none. */
  readonly hasForm: (text: string) => boolean;
}

const definitionCache = perCore((core): InstanceCache<readonly CustomField[]> => createInstanceCache<readonly CustomField[]>({
  signals: core.signals, channel: 'directory.custom-fields', max: 10_000, ttlMs: 60_000,
  load: async (instanceId) => {
    const context = await instanceContext(core, instanceId);
    return context && readCustomFields(context);
  },
}));

/** All fields, also those being removed, by position. Without I/O when known; may be asked inside of a transaction. */
export async function loadCustomFields(context: InstanceContext): Promise<readonly CustomField[]> {
  return definitionCache(context.core).getThrough(context.instance.id, '', () => readCustomFields(context));
}

/** The truth of this moment. */
export async function readCustomFields(context: InstanceContext): Promise<readonly CustomField[]> {
  const rows = await context.db.customField.findMany({ orderBy: [{ position: 'asc' }, { id: 'asc' }] });
  return rows.map(toCustomField);
}

/**
 * The fields as they stay until the transaction ends: who writes values shares the lock, who changes a definition has
 * it alone.
 */
export async function holdCustomFields(tx: InstanceContext): Promise<readonly CustomField[]> {
  await tx.db.$executeRaw`SELECT pg_advisory_xact_lock_shared(hashtextextended("instanceId", 1)) FROM (SELECT ${lockName(tx)}::text AS "instanceId") AS "lock"`;
  return readCustomFields(tx);
}

export async function holdCustomFieldsAlone(tx: InstanceContext): Promise<readonly CustomField[]> {
  await tx.db.$executeRaw`SELECT pg_advisory_xact_lock(hashtextextended("instanceId", 1)) FROM (SELECT ${lockName(tx)}::text AS "instanceId") AS "lock"`;
  return readCustomFields(tx);
}

const lockName = (tx: InstanceContext) => `${tx.instance.id}\ncustom-fields`;

/** Within the transaction of a change. */
export function announceCustomFields(tx: InstanceContext): Promise<void> {
  return definitionCache(tx.core).invalidate(tx.db, tx.instance.id);
}

/** After the change, so that this server does not wait for its own signal. */
export function forgetCustomFields(context: InstanceContext): void {
  definitionCache(context.core).forgetInstance(context.instance.id);
}

export function toCustomField(row: CustomFieldRow): CustomField {
  return {
    ...omit(row, 'instanceId'), type: row.type as CustomFieldType, visibleTo: row.visibleTo as Visibility, state: row.state as CustomField['state'],
    hasForm: row.pattern === null ? () => true : compilePattern(row.pattern),
  };
}
