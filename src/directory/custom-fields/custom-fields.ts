/** The verbs on custom fields. A change that users' values stand against is refused, and says how many they are. */
import { isUniqueViolation } from '../../core/database.ts';
import { invalidParameters } from '../../core/errors.ts';
import { checkEntityTag } from '../../core/http/entity-tag.ts';
import { newId } from '../../core/ids.ts';
import { append } from '../../events/index.ts';
import { key, type InstanceContext } from '../../tenancy/index.ts';
import { customFieldUses } from '../in-use.ts';
import { announceCustomFields, type CustomField, forgetCustomFields, holdCustomFieldsAlone, toCustomField } from './definitions.ts';
import { customFieldInUse, customFieldKeyTaken, customFieldNotFound, tooManyCustomFields } from './errors.ts';
import { customFieldCreated, customFieldDeleted, customFieldUpdated } from './events.ts';
import { removeValuesJob } from './removal.ts';
import type { CreateCustomField, UpdateCustomField } from './schemas.ts';
import { countUsersWithout, countValues, findDuplicate, findUsedChoices, groupsThatName, mostReindexed, sayCount, sayHave, type Counted } from './use.ts';

export const mostCustomFields = 100;

/** @throws Problem 400 (a definition that contradicts itself), 409 (the key is taken, or there are too many) */
export function createCustomField(context: InstanceContext, wanted: CreateCustomField): Promise<CustomField> {
  return change(context, async (tx, fields) => {
    if (fields.length >= mostCustomFields) throw tooManyCustomFields(mostCustomFields);
    if (fields.some((field) => field.key === wanted.key)) throw customFieldKeyTaken(wanted.key);
    const { unique, key: fieldKey, label, type, ...columns } = wanted;
    const now = tx.now();
    const row = { choices: [], ...given(columns), key: fieldKey, label, type, isUnique: unique ?? false };
    checkDefinition({ ...blank, ...row });
    const created = toCustomField(await tx.db.customField.create({ data: { ...row, id: newId('field', now.getTime()), createdAt: now, updatedAt: now } }));
    await append(tx, customFieldCreated(created));
    return created;
  });
}

/**
 * Changes what is named. The key never changes.
 * @returns the field and, when it became required, how many users have no value
 * @throws Problem 404, 412, 400, 409 (users' values stand against it)
 */
export function updateCustomField(context: InstanceContext, fieldId: string, wanted: UpdateCustomField, ifMatch?: string): Promise<{ field: CustomField; usersWithout?: Counted }> {
  return change(context, async (tx, fields) => {
    const before = find(fields, fieldId);
    checkEntityTag(ifMatch, before.version);
    if (before.state === 'removing') throw customFieldInUse('The field is deleted; its values are being removed.');
    const { unique, ...columns } = wanted;
    const isUnique = unique ?? before.isUnique;
    checkDefinition({ ...before, ...given(columns), isUnique });
    await rejectAgainstValues(tx, before, wanted);
    const after = toCustomField(await tx.db.customField.update({ where: key(tx, fieldId), data: { ...given(columns), isUnique, version: before.version + 1, updatedAt: tx.now() } }));
    if (isUnique !== before.isUnique) await markValues(tx, before, isUnique);
    await append(tx, customFieldUpdated(before, after));
    const becameRequired = after.required && !before.required;
    return { field: after, ...(becameRequired && { usersWithout: await countUsersWithout(tx, after) }) };
  });
}

/**
 * Deletes a field. Where users have values it must be said that they may go; then a job takes them away, and the key
 * stays taken until that is done.
 * @throws Problem 404, 412, 409
 */
export function deleteCustomField(context: InstanceContext, fieldId: string, options: { ifMatch?: string | undefined; discardValues: boolean }): Promise<void> {
  return change(context, async (tx, fields) => {
    const before = find(fields, fieldId);
    checkEntityTag(options.ifMatch, before.version);
    if (before.state === 'removing') return;
    const groups = await groupsThatName(tx, before);
    if (groups.length > 0) throw customFieldInUse(`The rules of these groups name the field: ${groups.map(({ name }) => name).join(', ')}. Change them first.`, groups.map(({ id, name }) => ({ field: id, code: 'in_use', detail: `the rule of the group ${name} names it` })));
    const uses = await customFieldUses(tx, before.key);
    if (uses.length > 0) throw customFieldInUse(`The field is named by ${uses.map(({ kind }) => kind).join(', ')}. Change these first.`, uses.map(({ kind }) => ({ field: before.key, code: 'in_use', detail: `${kind} names it` })));
    const values = await countValues(tx, before);
    if (values.count > 0 && !options.discardValues) throw customFieldInUse(`${sayHave(values)} a value of this field. Send discardValues=true to delete it with their values.`);
    if (values.count === 0) {
      await tx.db.customField.delete({ where: key(tx, fieldId) });
      await append(tx, customFieldDeleted(before));
      return;
    }
    const after = toCustomField(await tx.db.customField.update({ where: key(tx, fieldId), data: { state: 'removing', version: before.version + 1, updatedAt: tx.now() } }));
    await append(tx, customFieldUpdated(before, after));
    await tx.core.jobs.enqueue(tx.db, removeValuesJob, { instanceId: tx.instance.id, fieldId });
  });
}

function find(fields: readonly CustomField[], fieldId: string): CustomField {
  const field = fields.find(({ id }) => id === fieldId);
  if (!field) throw customFieldNotFound();
  return field;
}

/** Nobody writes values meanwhile. */
async function change<Result>(context: InstanceContext, work: (tx: InstanceContext, fields: readonly CustomField[]) => Promise<Result>): Promise<Result> {
  const result = await context.transaction(async (tx) => {
    const done = await work(tx, await holdCustomFieldsAlone(tx));
    await announceCustomFields(tx);
    return done;
  });
  forgetCustomFields(context);
  return result;
}

type Checked = Pick<CustomField, 'type' | 'choices' | 'isUnique' | 'pattern' | 'minLength' | 'maxLength'>;
const blank = { pattern: null, minLength: null, maxLength: null };

/** What the request named. */
function given<Columns extends object>(columns: Columns): { [Name in keyof Columns]?: Exclude<Columns[Name], undefined> } {
  return Object.fromEntries(Object.entries(columns).filter(([, value]) => value !== undefined)) as { [Name in keyof Columns]?: Exclude<Columns[Name], undefined> };
}

/** Rules between the parts of a definition. */
function checkDefinition({ type, choices, isUnique, pattern, minLength, maxLength }: Checked): void {
  const isText = type === 'text';
  const faults = [
    ['choices', type === 'choice' && choices.length === 0, 'must name at least one choice'],
    ['choices', !['choice', 'list'].includes(type) && choices.length > 0, 'belong to the types choice and list'],
    ['choices', new Set(choices).size < choices.length, 'must not name a choice twice'],
    ['unique', isUnique && !['text', 'number', 'date'].includes(type), 'belongs to the types text, number and date'],
    ['pattern', pattern !== null && !isText && type !== 'list', 'belongs to the types text and list'],
    ['minLength', minLength !== null && !isText && type !== 'list', 'belongs to the types text and list'],
    ['maxLength', maxLength !== null && !isText && type !== 'list', 'belongs to the types text and list'],
    ['maxLength', minLength !== null && maxLength !== null && maxLength < minLength, 'must not be less than minLength'],
  ] as const;
  const errors = faults.filter(([, isWrong]) => isWrong).map(([field, , detail]) => ({ field, code: 'invalid', detail }));
  if (errors.length > 0) throw invalidParameters(errors);
}

/** @throws Problem 409 */
async function rejectAgainstValues(tx: InstanceContext, before: CustomField, wanted: UpdateCustomField): Promise<void> {
  if (wanted.type !== undefined && wanted.type !== before.type) {
    const values = await countValues(tx, before);
    if (values.count > 0) throw customFieldInUse(`${sayHave(values)} a value of this field: its type cannot change. Delete the field with its values, or make another one.`);
  }
  const gone = wanted.choices === undefined ? [] : before.choices.filter((choice) => !wanted.choices?.includes(choice));
  const used = await findUsedChoices(tx, before, gone);
  if (used.length > 0) {
    throw customFieldInUse(`Users have the choice ${used.map(({ choice, users }) => `${choice} (${sayCount(users)})`).join(', ')}. Give them another one first.`,
      used.map(({ choice, users }) => ({ field: 'choices', code: 'in_use', detail: `${choice}: ${sayCount(users)}` })));
  }
  if (wanted.unique === true && !before.isUnique) {
    const duplicate = await findDuplicate(tx, before);
    if (duplicate > 0) throw customFieldInUse(`${duplicate} users have the same value (or one that looks the same), so the field cannot become unique.`);
  }
}

async function markValues(tx: InstanceContext, field: CustomField, isUnique: boolean): Promise<void> {
  const values = await countValues(tx, field, mostReindexed);
  if (values.isAtLeast) throw customFieldInUse(`More than ${mostReindexed} users have a value: whether it is unique can be changed no more. Make another field.`);
  try {
    await tx.db.customFieldValue.updateMany({ where: { fieldId: field.id }, data: { isUnique } });
  } catch (error) {
    if (isUniqueViolation(error)) throw customFieldInUse('Users have the same value, so the field cannot become unique.');
    throw error;
  }
}
