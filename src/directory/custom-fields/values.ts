/** Holds values against their definitions, and keeps who has which. */
import { type FieldError, invalidParameters } from '../../core/errors.ts';
import { sha256 } from '../../core/secrets.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import { foldIdentifier } from '../identifiers.ts';
import { customFieldTaken } from './errors.ts';
import { type CustomField, holdCustomFields, loadCustomFields } from './definitions.ts';
import { longestMatched } from './patterns.ts';
import { longestMember, longestText, mostMembers, type CustomFieldValue, type CustomFieldValues } from './schemas.ts';

type Value = NonNullable<CustomFieldValue>;

/** The values a user is left with, and the fields whose values changed. */
export interface ChangedValues {
  readonly values: Record<string, Value>;
  readonly changed: readonly CustomField[];
}

/** For a new user give no `before`. A source of users may also change what is read-only. */
export interface ValueChange {
  readonly before: Readonly<Record<string, Value>> | undefined;
  readonly change: CustomFieldValues | undefined;
  readonly bySource?: boolean;
}

/** The fields that a change must be held against, locked until the transaction ends; nothing is asked of an instance without fields. */
export async function fieldsForChange(tx: InstanceContext, changes: boolean): Promise<readonly CustomField[]> {
  if (!changes && (await loadCustomFields(tx)).length === 0) return [];
  return holdCustomFields(tx);
}

/**
 * Lays the change over what was there.
 * @throws Problem 400 that names each field by its key (`customFields.employeeNumber`)
 */
export function applyValues(fields: readonly CustomField[], { before, change = {}, bySource = false }: ValueChange): ChangedValues {
  const byKey = new Map(fields.filter(({ state }) => state === 'active').map((field) => [field.key, field]));
  const errors: FieldError[] = [];
  const kept = new Map(Object.entries(before ?? {}).filter(([key]) => byKey.has(key)));
  const values = new Map(kept);
  for (const [key, wanted] of Object.entries(change)) {
    const field = byKey.get(key);
    const fault = field ? findFault(field, kept.get(key), wanted, bySource) : { code: 'unknown', detail: 'is no custom field of this instance; see /custom-fields' };
    if (fault) errors.push({ field: `customFields.${key}`, ...fault });
    else if (wanted === null) values.delete(key);
    else values.set(key, normalize(wanted));
  }
  if (before === undefined) {
    for (const { key, required, label } of byKey.values()) {
      if (required && !values.has(key) && !Object.hasOwn(change, key)) errors.push({ field: `customFields.${key}`, code: 'required', detail: `is required (${label})` });
    }
  }
  if (errors.length > 0) throw invalidParameters(errors);
  const changed = [...byKey.values()].filter(({ key }) => JSON.stringify(values.get(key)) !== JSON.stringify(kept.get(key)));
  return { values: Object.fromEntries(values), changed };
}

/** A user whose values change; `isNew` spares the look for old ones. */
export interface StoredValues extends ChangedValues { readonly userId: string; readonly isNew: boolean }

/**
 * Writes who has which value, for many users in two statements. The database has the last word on unique ones.
 * @throws Problem 409 that names the fields whose values somebody else has
 */
export async function storeValues(tx: InstanceContext, users: readonly StoredValues[]): Promise<void> {
  const touched = users.filter(({ changed }) => changed.length > 0);
  if (touched.length === 0) return;
  const old = touched.filter(({ isNew }) => !isNew);
  if (old.length > 0) {
    const pairs = old.flatMap(({ userId, changed }) => changed.map(({ id }) => ({ userId, fieldId: id })));
    await tx.db.$executeRaw`
      DELETE FROM "CustomFieldValue" USING unnest(${pairs.map(({ userId }) => userId)}::text[], ${pairs.map(({ fieldId }) => fieldId)}::text[]) AS "old"("userId", "fieldId")
       WHERE "CustomFieldValue"."instanceId" = ${tx.instance.id} AND "CustomFieldValue"."userId" = "old"."userId" AND "CustomFieldValue"."fieldId" = "old"."fieldId"`;
  }
  const rows = touched.flatMap((user) => valueRows(user));
  await rejectTaken(tx, rows);
  if (rows.length > 0) await tx.db.customFieldValue.createMany({ data: rows.map(({ field, userId, valueKey }) => ({ userId, fieldId: field.id, valueKey, isUnique: field.isUnique })) });
}

interface ValueRow { readonly field: CustomField; readonly userId: string; readonly valueKey: string }

export function valueRows({ userId, values, changed }: Pick<StoredValues, 'userId' | 'values' | 'changed'>): ValueRow[] {
  return changed.flatMap((field) => {
    const value = Object.hasOwn(values, field.key) ? values[field.key] : undefined;
    return value === undefined ? [] : valueKeys(value).map((valueKey) => ({ field, userId, valueKey }));
  });
}

/** @throws Problem 409 */
async function rejectTaken(tx: InstanceContext, rows: readonly ValueRow[]): Promise<void> {
  const taken = await findTakenValues(tx, rows);
  if (taken.length > 0) throw customFieldTaken([...new Set(taken.map(({ field }) => field.key))]);
}

/** Those of unique fields that somebody else has. */
export async function findTakenValues(tx: InstanceContext, rows: readonly ValueRow[]): Promise<ValueRow[]> {
  const unique = rows.filter(({ field }) => field.isUnique);
  if (unique.length === 0) return [];
  const held = await tx.db.$queryRaw<{ fieldId: string; valueKey: string; userId: string }[]>`
    SELECT "held"."fieldId", "held"."valueKey", "held"."userId" FROM unnest(${unique.map(({ field }) => field.id)}::text[], ${unique.map(({ valueKey }) => valueKey)}::text[]) AS "wanted"("fieldId", "valueKey")
      JOIN "CustomFieldValue" AS "held" ON "held"."instanceId" = ${tx.instance.id} AND "held"."isUnique" AND "held"."fieldId" = "wanted"."fieldId" AND "held"."valueKey" = "wanted"."valueKey"`;
  const holders = new Map(held.map(({ fieldId, valueKey, userId }) => [`${fieldId}\n${valueKey}`, userId]));
  return unique.filter(({ field, userId, valueKey }) => (holders.get(`${field.id}\n${valueKey}`) ?? userId) !== userId);
}

/** By what values are compared: unique among users, and found by a filter. A list by each member. */
export function valueKeys(value: Value): string[] {
  if (Array.isArray(value)) return [...new Set(value.map(keyOf))];
  return [keyOf(value)];
}

function keyOf(value: string | number | boolean): string {
  const key = typeof value === 'string' ? foldIdentifier(value) : String(value);
  return key.length > 200 ? `sha256:${sha256(key)}` : key;
}

const normalize = (value: Value): Value => (Object.is(value, -0) ? 0 : value);

/** What was wrong with the value and what would be right. */
function findFault(field: CustomField, before: Value | undefined, wanted: CustomFieldValue, bySource: boolean): Omit<FieldError, 'field'> | undefined {
  if (field.readOnly && !bySource && before !== undefined && JSON.stringify(before) !== JSON.stringify(wanted)) return { code: 'read_only', detail: 'is read-only: a value that was given stays' };
  if (wanted === null) return field.required ? { code: 'required', detail: 'is required and cannot be cleared' } : undefined;
  const detail = findTypeFault(field, wanted);
  return detail === undefined ? undefined : { code: 'invalid', detail };
}

function findTypeFault(field: CustomField, value: Value): string | undefined {
  switch (field.type) {
    case 'number': return typeof value === 'number' ? undefined : 'must be a number';
    case 'boolean': return typeof value === 'boolean' ? undefined : 'must be true or false';
    case 'date': return typeof value === 'string' && isDate(value) ? undefined : 'must be a day, such as 2027-01-31';
    case 'choice': return typeof value === 'string' && field.choices.includes(value) ? undefined : `must be one of: ${field.choices.join(', ').slice(0, 200)}`;
    case 'text': return typeof value === 'string' ? findTextFault(field, value, field.minLength ?? 1, field.maxLength ?? longestText) : 'must be a text';
    case 'list': return Array.isArray(value) ? findListFault(field, value) : 'must be a list of texts';
  }
}

function findTextFault(field: CustomField, value: string, least: number, most: number): string | undefined {
  const longest = field.pattern === null ? most : Math.min(most, longestMatched);
  if (value.length < least) return `must have at least ${least} characters`;
  if (value.length > longest) return `must have at most ${longest} characters`;
  if (foldIdentifier(value) === '') return 'must have a character that can be seen';
  return field.hasForm(value) ? undefined : `must have the form ${field.pattern ?? ''}`;
}

function findListFault(field: CustomField, values: readonly string[]): string | undefined {
  const [least, most] = [field.minLength ?? 0, Math.min(field.maxLength ?? mostMembers, mostMembers)];
  if (values.length < least) return `must have at least ${least} members`;
  if (values.length > most) return `must have at most ${most} members`;
  if (new Set(values).size < values.length) return 'must not have a member twice';
  if (field.choices.length > 0 && !values.every((value) => field.choices.includes(value))) return `must have members of: ${field.choices.join(', ').slice(0, 200)}`;
  return values.map((value) => findTextFault(field, value, 1, longestMember)).find((fault) => fault !== undefined);
}

function isDate(value: string): boolean {
  const time = /^\d{4}-\d{2}-\d{2}$/.test(value) ? Date.parse(`${value}T00:00:00Z`) : Number.NaN;
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(value);
}
