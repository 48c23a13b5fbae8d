/** What people see and change of themselves: the fields that the instance leaves to them. */
import { loadCustomFields, updateUser, type UpdateUser } from '../../directory/index.ts';
import { Problem } from '../../core/errors.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import { drawFields, readFields, type WantedField } from '../profile/fields.ts';
import type { Field, Notice } from '../types.ts';
import type { Account } from './account.ts';

export interface ProfileView {
  readonly editable: readonly Field[];
  /** Shown, and not theirs to change. `label` of custom fields. */
  readonly fixed: readonly { readonly name: string; readonly label: string | undefined; readonly value: string; readonly verified?: boolean }[];
}

const shown = ['username', 'displayName', 'givenName', 'familyName', 'email', 'phone', 'locale', 'timeZone'] as const;
/** By which an account is found: these change with a proof, never by a form alone. */
const proven: readonly string[] = ['username', 'email', 'phone'];

export async function viewProfile({ context, user }: Account): Promise<ProfileView> {
  const wanted = await wantedFields(context);
  const values = user as unknown as Record<string, unknown>;
  const drawn = await drawFields(context, wanted);
  const custom = (await loadCustomFields(context)).filter(({ state, visibleTo }) => state === 'active' && visibleTo !== 'administrators');
  const isEditable = (name: string) => drawn.some((field) => field.name === name);
  return {
    editable: drawn.map((field) => ({ ...field, value: asText(field.name.startsWith('customFields.') ? user.customFields[field.name.slice(13)] : values[field.name]) })),
    fixed: [
      ...shown.filter((name) => !isEditable(name)).map((name) => ({
        name, label: undefined, value: asText(values[name]), ...(name === 'email' && user.email !== null && { verified: user.emailVerified }), ...(name === 'phone' && user.phone !== null && { verified: user.phoneVerified }) })),
      ...custom.filter(({ key }) => !isEditable(`customFields.${key}`)).map(({ key, label }) => ({ name: key, label, value: asText(user.customFields[key]) })),
    ].filter(({ value }) => value !== ''),
  };
}

/** Of the fields that settings name: custom ones that the person may see, and that do not stay as they are. */
async function wantedFields(context: InstanceContext): Promise<WantedField[]> {
  const custom = new Map((await loadCustomFields(context)).map((field) => [`customFields.${field.key}`, field]));
  return context.instance.settings.selfService.editable.flatMap((field): WantedField[] => {
    const definition = custom.get(field);
    if (proven.includes(field)) return [];
    if (!field.startsWith('customFields.')) return [{ field, required: field === 'displayName' }];
    return definition?.state === 'active' && definition.visibleTo !== 'administrators' && !definition.readOnly ? [{ field, required: definition.required }] : [];
  });
}

const asText = (value: unknown): string => (Array.isArray(value) ? value.join(', ') : value === null || value === undefined ? '' : String(value));

/** Saves what was posted. What is left empty is cleared. Anything else that was posted is no field of theirs, and ignored. */
export async function saveProfile({ context, user }: Account, posted: Readonly<Record<string, string>>): Promise<Notice | undefined> {
  const wanted = await wantedFields(context);
  const values = await readFields(context, wanted, posted, user.customFields);
  if ('code' in values) return values;
  const cleared = (name: string) => wanted.some(({ field, required }) => field === name && !required) && (posted[name] ?? '').trim() === '';
  const builtIn: Record<string, unknown> = {};
  const customFields: Record<string, unknown> = {};
  for (const { field } of wanted) {
    const [target, name, given] = field.startsWith('customFields.')
      ? [customFields, field.slice(13), values.customFields[field.slice(13)]] as const
      : [builtIn, field, values.builtIn[field]] as const;
    if (given !== undefined) target[name] = given;
    else if (cleared(field)) target[name] = null;
  }
  try {
    await updateUser(context, user.id, { ...builtIn, ...(Object.keys(customFields).length > 0 && { customFields }) } as UpdateUser);
    return undefined;
  } catch (error) {
    if (error instanceof Problem && error.status < 500) return { code: error.status === 409 ? 'Account.Value.Taken' : 'Params.Illegal' };
    throw error;
  }
}
