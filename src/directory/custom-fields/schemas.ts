/** Custom fields and their values as the REST API takes and shows them. */
import { z } from 'zod';
import { pageOf } from '../../core/http/paging.ts';
import { text } from '../../core/http/text.ts';
import { idPattern } from '../../core/ids.ts';
import { findPatternFault, longestPattern } from './patterns.ts';

export const customFieldTypes = ['text', 'number', 'boolean', 'date', 'choice', 'list'] as const;
export type CustomFieldType = (typeof customFieldTypes)[number];
export const visibilities = ['administrators', 'self', 'applications'] as const;
export type Visibility = (typeof visibilities)[number];

export const longestText = 1_000;
export const longestMember = 200;
export const mostMembers = 50;

export const customFieldIdSchema = z.string().regex(idPattern('field'), 'must be the id of a custom field, such as field_01k9v6z3x4p5q6r7s8t9v0w1x2');

/** No name that every object answers to: code that looks one up would find something that nobody wrote. */
export const customFieldKeySchema = z.string()
  .regex(/^[a-z][a-zA-Z0-9_]{0,63}$/, 'must start with a small letter and have at most 64 letters, digits and _')
  .refine((key) => !(key in Object.prototype) && key !== 'prototype', 'must not be a name that programs give a meaning, such as constructor');

const customFieldValueSchema = z.union([text(longestText), z.number().min(-1e15).max(1e15), z.boolean(), z.array(text(longestMember)).max(mostMembers), z.null()]);
export type CustomFieldValue = z.infer<typeof customFieldValueSchema>;
/** By key. */
export type CustomFieldValues = Record<string, CustomFieldValue>;

/** In bodies: what is named changes, null clears. What each field takes, its definition says. */
export const customFieldValuesSchema = z.record(customFieldKeySchema, customFieldValueSchema)
  .refine((values) => Object.keys(values).length <= 100, 'must name at most 100 fields')
  .describe('Values by the key of the custom field; null clears. Dates as YYYY-MM-DD, lists as arrays of texts.');

const patternSchema = text(longestPattern).superRefine((source, check) => {
  const fault = findPatternFault(source);
  if (fault !== undefined) check.addIssue({ code: 'custom', message: fault });
});

const changeable = {
  label: text(120),
  description: text(500).nullish(),
  type: z.enum(customFieldTypes).describe('Cannot change while users have values.'),
  choices: z.array(text(longestMember)).max(200).optional().describe('Of `choice`; for `list` too, where only these may be in it.'),
  required: z.boolean().optional().describe('New users must have a value, and nobody\'s can be cleared. Those who have none keep none until it is set.'),
  unique: z.boolean().optional().describe('No two users have the same value; compared as usernames are. Of `text`, `number` and `date`.'),
  readOnly: z.boolean().optional().describe('Given once, a value stays: only a source of users changes it.'),
  visibleTo: z.enum(visibilities).optional().describe('`administrators`: this API only; `self`: also the person; `applications`: also applications that ask for the profile.'),
  pattern: patternSchema.nullish().describe('RE2, for the whole text or each member of a list. Values have at most 256 characters then.'),
  minLength: z.int().min(0).max(longestText).nullish().describe('Characters of a text; members of a list.'),
  maxLength: z.int().min(1).max(longestText).nullish(),
  position: z.int().min(0).max(10_000).optional().describe('Order in lists and forms.'),
};

export const createCustomFieldSchema = z.strictObject({ key: customFieldKeySchema.describe('For requests and expressions (`user.dict.key`). Never changes.'), ...changeable })
  .meta({ id: 'CreateCustomField', examples: [{ key: 'employeeNumber', label: 'Employee number', type: 'text', unique: true, pattern: 'E-[0-9]{4,8}' }] });
export type CreateCustomField = z.infer<typeof createCustomFieldSchema>;

export const updateCustomFieldSchema = z.strictObject(changeable).partial()
  .meta({ id: 'UpdateCustomField', description: 'Only what is named changes (RFC 7396).', examples: [{ label: 'Staff number', required: true }] });
export type UpdateCustomField = z.infer<typeof updateCustomFieldSchema>;

const countSchema = z.object({ count: z.int(), isAtLeast: z.boolean().describe('There are more: counting stopped.') });

export const customFieldSchema = z.object({
  id: customFieldIdSchema,
  key: z.string(),
  label: z.string(),
  description: z.string().nullable(),
  type: z.enum(customFieldTypes),
  choices: z.array(z.string()),
  required: z.boolean(),
  unique: z.boolean(),
  readOnly: z.boolean(),
  visibleTo: z.enum(visibilities),
  pattern: z.string().nullable(),
  minLength: z.int().nullable(),
  maxLength: z.int().nullable(),
  position: z.int(),
  state: z.enum(['active', 'removing']).describe('`removing`: deleted; its values are being taken from the users.'),
  createdAt: z.string(),
  updatedAt: z.string(),
  usersWithout: countSchema.optional().describe('Told when a field becomes required: how many users have no value.'),
}).meta({
  id: 'CustomField',
  examples: [{
    id: 'field_01k9v6z3x4p5q6r7s8t9v0w1x2', key: 'employeeNumber', label: 'Employee number', description: null, type: 'text', choices: [], required: false, unique: true,
    readOnly: false, visibleTo: 'administrators', pattern: 'E-[0-9]{4,8}', minLength: null, maxLength: null, position: 0, state: 'active',
    createdAt: '2027-01-04T08:00:00.000Z', updatedAt: '2027-01-04T08:00:00.000Z',
  }],
});
export const customFieldPage = pageOf(customFieldSchema).meta({ id: 'CustomFieldPage' });

export const deleteCustomFieldQuery = z.strictObject({
  discardValues: z.enum(['true', 'false']).default('false').describe('`true`: also when users have values; they are taken away in the background.'),
});
