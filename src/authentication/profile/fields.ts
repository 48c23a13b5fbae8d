/** The fields of people that forms ask for: built-in ones and custom ones (`customFields.{key}`), as drawn and as read back. */
import type { CreateUser, CustomField, User } from '../../directory/index.ts';
import { findCustomFieldFaults, loadCustomFields, updateUserSchema } from '../../directory/index.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import type { Field, Notice } from '../types.ts';

/** A field of a form: its name is also the path in a user. */
export interface WantedField { readonly field: string; readonly required: boolean }

type CustomValue = NonNullable<NonNullable<CreateUser['customFields']>[string]>;

/** What a form gave: built-in values and custom ones. */
export interface ProfileValues {
  readonly builtIn: Readonly<Record<string, string>>;
  readonly customFields: Readonly<Record<string, CustomValue>>;
}

const builtIn: Readonly<Record<string, Omit<Field, 'name' | 'required'>>> = {
  username: { type: 'text', autocomplete: 'username', maxLength: 64 },
  displayName: { type: 'text', autocomplete: 'name', maxLength: 120 },
  givenName: { type: 'text', autocomplete: 'given-name', maxLength: 80 },
  familyName: { type: 'text', autocomplete: 'family-name', maxLength: 80 },
  email: { type: 'email', autocomplete: 'email', maxLength: 254 },
  phone: { type: 'tel', autocomplete: 'tel', inputMode: 'tel', maxLength: 20 },
  locale: { type: 'text', autocomplete: 'language', maxLength: 35 },
  timeZone: { type: 'text', maxLength: 64 },
};

const customPrefix = 'customFields.';
const customKeyOf = (name: string) => (name.startsWith(customPrefix) ? name.slice(customPrefix.length) : undefined);

/** How each is drawn; those that the instance does not have (any more) are left out. */
export async function drawFields(context: InstanceContext, wanted: readonly WantedField[]): Promise<Field[]> {
  const custom = await activeCustomFields(context);
  return wanted.flatMap(({ field: name, required }): Field[] => {
    const key = customKeyOf(name);
    if (key === undefined) return builtIn[name] ? [{ name, required, ...builtIn[name] }] : [];
    const field = custom.get(key);
    return field ? [{ name, required, label: field.label, ...drawnAs(field) }] : [];
  });
}

function drawnAs(field: CustomField): Omit<Field, 'name' | 'required'> {
  switch (field.type) {
    case 'number': return { type: 'number', inputMode: 'decimal' };
    case 'boolean': return { type: 'checkbox' };
    case 'date': return { type: 'date' };
    case 'choice': return { type: 'select', options: field.choices.map((value) => ({ value, label: value })) };
    case 'text': return { type: 'text', maxLength: field.maxLength ?? 1_000 };
    case 'list': return { type: 'text', maxLength: 1_000 };
  }
}

/** Reads what was posted. A fault is said at its field; nothing is looked up of other people. */
export async function readFields(context: InstanceContext, wanted: readonly WantedField[], posted: Readonly<Record<string, string>>, before?: User['customFields']): Promise<ProfileValues | Notice> {
  const custom = await activeCustomFields(context);
  const values: { builtIn: Record<string, string>; customFields: Record<string, CustomValue> } = { builtIn: {}, customFields: {} };
  for (const { field: name, required } of wanted) {
    const text = (posted[name] ?? '').trim();
    const key = customKeyOf(name);
    const field = key === undefined ? undefined : custom.get(key);
    if (key === undefined ? builtIn[name] === undefined : field === undefined) continue;
    if (text === '' && field?.type !== 'boolean') {
      if (required) return { code: 'Params.Blank', field: name };
      continue;
    }
    if (field) values.customFields[field.key] = parseCustom(field, text);
    else if (updateUserSchema.safeParse({ [name]: readAs(name, text) }).success) values.builtIn[name] = readAs(name, text);
    else return { code: 'Params.Illegal', field: name };
  }
  const [fault] = await findCustomFieldFaults(context, values.customFields, before);
  return fault ? { code: fault.code === 'required' ? 'Params.Blank' : 'Params.Illegal', field: fault.field } : values;
}

/** People type spaces and brackets into numbers. */
const readAs = (name: string, text: string) => (name === 'phone' ? text.replace(/[\s().-]/g, '') : text);

function parseCustom(field: CustomField, text: string): CustomValue {
  switch (field.type) {
    case 'number': return /^-?\d+([.,]\d+)?$/.test(text) ? Number(text.replace(',', '.')) : text;
    case 'boolean': return ['true', 'on', '1'].includes(text);
    case 'list': return text.split(/[,，;；\n]/).map((part) => part.trim()).filter((part) => part !== '');
    default: return text;
  }
}

/** Those of `wanted` that somebody has no value for. */
export async function findMissing(context: InstanceContext, wanted: readonly string[], user: User | undefined, waiting: ProfileValues): Promise<string[]> {
  if (wanted.length === 0) return [];
  const custom = await activeCustomFields(context);
  return [...new Set(wanted)].filter((name) => {
    const key = customKeyOf(name);
    if (key !== undefined) return custom.has(key) && user?.customFields[key] === undefined && waiting.customFields[key] === undefined;
    const has = user ? (user as unknown as Record<string, unknown>)[name] : undefined;
    return builtIn[name] !== undefined && (has === undefined || has === null || has === '') && waiting.builtIn[name] === undefined;
  });
}

/** Custom fields that no new user may lack. */
export const requiredCustomFields = async (context: InstanceContext): Promise<WantedField[]> =>
  [...(await activeCustomFields(context)).values()].filter(({ required }) => required).map(({ key }) => ({ field: `${customPrefix}${key}`, required: true }));

async function activeCustomFields(context: InstanceContext): Promise<Map<string, CustomField>> {
  return new Map((await loadCustomFields(context)).filter(({ state }) => state === 'active').map((field) => [field.key, field]));
}
