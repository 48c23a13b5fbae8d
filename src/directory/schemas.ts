/** Users as the REST API takes and shows them; the only source of the OpenAPI document. */
import { z } from 'zod';
import { pageOf, pageQuery } from '../core/http/paging.ts';
import { text } from '../core/http/text.ts';
import { idPattern } from '../core/ids.ts';
import { customFieldValuesSchema } from './custom-fields/schemas.ts';
import { foldIdentifier, mixesAlphabets } from './identifiers.ts';

export const userIdSchema = z.string().regex(idPattern('user'), 'must be the id of a user, such as user_01k9v6z3x4p5q6r7s8t9v0w1x2');
const exampleId = 'user_01k9v6z3x4p5q6r7s8t9v0w1x2';

const usernameSchema = text(64)
  .regex(/^[\p{L}\p{M}\p{N}._@+-]+$/u, 'must consist of letters, digits and . _ - + @')
  .refine((value) => foldIdentifier(value) !== '', 'must contain a letter or a digit')
  .refine((value) => !mixesAlphabets(value), 'must not mix alphabets whose letters look alike (Latin, Cyrillic, Greek …)')
  .describe('Unique; names that look alike count as one (case, look-alike letters, trailing dots).');
const emailSchema = z.email({ pattern: z.regexes.html5Email, error: 'must be an e-mail address' }).max(254).describe('Unique. Counts for sign-in once it is verified.');
const phoneSchema = z.string().regex(/^\+[1-9]\d{6,14}$/, 'must be in international form (E.164), such as +8613800138000');
const localeSchema = z.string().max(35).refine(isLocale, 'must be a language tag (BCP 47), such as zh-CN');
const timeZoneSchema = z.string().max(64).refine(isTimeZone, 'must be a name of the IANA time zone database, such as Asia/Shanghai');
const timestamp = z.iso.datetime({ offset: true });

export const userStatusSchema = z.enum(['enabled', 'disabled', 'locked', 'expired', 'pending'])
  .describe('`locked`: by an administrator or the lock-out; `expired`: `expiresAt` is past; `pending`: not set up yet. Only `enabled` may sign in.');
export type UserStatus = z.infer<typeof userStatusSchema>;

/** Who keeps an account. */
export const sourceTypeSchema = z.enum(['built_in', 'import', 'invitation', 'scim', 'identity_source'])
  .describe('`built_in`: made by hand or through this API; `import`: by a bulk call; set by the server.');
export type SourceType = z.infer<typeof sourceTypeSchema>;

export const organizationalUnitIdSchema = z.string().regex(new RegExp(`^ou_root$|${idPattern('ou').source}`), 'must be the id of an organizational unit');
export const groupIdSchema = z.string().regex(idPattern('group'), 'must be the id of a group');
const distinct = (values: readonly string[]) => new Set(values).size === values.length;

/** Where a new user belongs from the first moment. */
export const placeSchema = {
  organizationalUnitIds: z.array(organizationalUnitIdSchema).max(20).refine(distinct, 'must not name a unit twice').optional().describe('The first one is the primary one. Default: none, which counts as the root.'),
  groupIds: z.array(groupIdSchema).max(50).refine(distinct, 'must not name a group twice').optional().describe('Static groups.'),
};

const profileSchema = z.strictObject({
  username: usernameSchema,
  displayName: text(120).optional().describe('Default: the given and family name, else the username.'),
  givenName: text(80).nullish(),
  familyName: text(80).nullish(),
  email: emailSchema.nullish(),
  phone: phoneSchema.nullish(),
  locale: localeSchema.nullish(),
  timeZone: timeZoneSchema.nullish(),
  externalId: text(255).nullish().describe('The id in the system that the user comes from.'),
  expiresAt: timestamp.nullish().describe('From then on the user cannot sign in.'),
  description: text(500).nullish(),
  customFields: customFieldValuesSchema.optional(),
});

export const createUserSchema = z.strictObject({ ...profileSchema.shape, ...placeSchema }).meta({ id: 'CreateUser', examples: [{ username: 'zhang.wei', givenName: 'Wei', familyName: 'Zhang', email: 'zhang.wei@example.com' }] });
export type CreateUser = z.infer<typeof createUserSchema>;

export const updateUserSchema = profileSchema.partial()
  .meta({ id: 'UpdateUser', description: 'Only what is named changes; null clears (RFC 7396).', examples: [{ displayName: 'Wei Zhang', phone: null }] });
export type UpdateUser = z.infer<typeof updateUserSchema>;

export const userSchema = z.object({
  id: userIdSchema,
  username: z.string(),
  displayName: z.string(),
  givenName: z.string().nullable(),
  familyName: z.string().nullable(),
  email: z.string().nullable(),
  emailVerified: z.boolean(),
  phone: z.string().nullable(),
  phoneVerified: z.boolean(),
  phoneRegion: z.string().nullable().describe('ISO 3166, where the number tells it.'),
  locale: z.string().nullable(),
  timeZone: z.string().nullable(),
  externalId: z.string().nullable(),
  source: z.object({ type: sourceTypeSchema, id: z.string().nullable() }),
  description: z.string().nullable(),
  customFields: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.array(z.string())])),
  status: userStatusSchema,
  expiresAt: z.string().nullable(),
  createdAt: z.string(),
  updatedAt: z.string(),
  lastSignInAt: z.string().nullable(),
}).meta({
  id: 'User',
  examples: [{
    id: exampleId, username: 'zhang.wei', displayName: 'Wei Zhang', givenName: 'Wei', familyName: 'Zhang',
    email: 'zhang.wei@example.com', emailVerified: true, phone: null, phoneVerified: false, phoneRegion: null, locale: 'zh-CN', timeZone: 'Asia/Shanghai',
    externalId: null, source: { type: 'built_in', id: null }, description: null, customFields: { employeeNumber: 'E-1042' },
    status: 'enabled', expiresAt: null, createdAt: '2027-01-04T08:00:00.000Z', updatedAt: '2027-01-04T08:00:00.000Z', lastSignInAt: null,
  }],
});

const idListed = text(255);
export const userFilters = z.strictObject({
  search: text(100).optional().describe('Users in whose username, display name, e-mail address or telephone number this stands somewhere. Case and accents do not count. Found users come in an order without meaning; a page may have fewer than `limit` while `next` leads on.'),
  startsWith: text(100).optional().describe('The same at the start of one of these: first usernames, then display names, addresses and numbers, each in order.'),
  status: userStatusSchema.optional(),
  username: text(64).optional().describe('Users whose username starts with this; case and look-alikes do not count.'),
  email: text(254).optional().describe('Users whose e-mail address starts with this.'),
  phone: z.string().regex(/^\+[0-9]{1,15}$/, 'must be a number in international form (E.164), with + first').optional().describe('The whole number.'),
  externalId: idListed.optional(),
  sourceType: sourceTypeSchema.optional(),
  sourceId: idListed.optional(),
  organizationalUnitId: organizationalUnitIdSchema.optional().describe('Members of this unit itself.'),
  groupId: groupIdSchema.optional().describe('Members of this group itself.'),
  customField: z.string().regex(/^[a-z][a-zA-Z0-9_]{0,63}:/, 'must be the key of a custom field, a colon and the value').max(300).optional().describe('`key:value`, such as `department:Sales`; of a list, users with this member. Compared as usernames are.'),
  createdAfter: timestamp.optional(),
  createdBefore: timestamp.optional(),
});
export type UserFilters = z.infer<typeof userFilters>;

const sorting = {
  sort: z.enum(['id', 'username', 'displayName']).default('id').describe('`id`: as they were created.'),
  order: z.enum(['asc', 'desc']).default('asc'),
};
export type UserSorting = z.infer<z.ZodObject<typeof sorting>>;

export const listUsersQuery = z.strictObject({ ...userFilters.shape, ...sorting, ...pageQuery.shape })
  .refine(({ search, startsWith }) => search === undefined || startsWith === undefined, { path: ['startsWith'], error: 'must not come with search' })
  .refine(({ search, startsWith, sort, order }) => (search ?? startsWith) === undefined || (sort === 'id' && order === 'asc'), { path: ['sort'], error: 'must not come with search or startsWith: what is found has an order of its own' });

export const countUsersQuery = z.strictObject(userFilters.omit({ search: true, startsWith: true }).shape);
export const userCountSchema = z.object({ count: z.int(), isAtLeast: z.boolean().describe('There are more: counting stops at 10,000.') }).meta({ id: 'UserCount' });
export const recycledUserSchema = z.object({ ...userSchema.shape, recycledAt: z.string(), erasesAt: z.string().describe('Until then the user can be restored, and the names stay reserved.') })
  .meta({ id: 'RecycledUser' });
export const recycledUserPage = pageOf(recycledUserSchema).meta({ id: 'RecycledUserPage' });
export const userPage = pageOf(userSchema).meta({ id: 'UserPage' });

function isLocale(value: string): boolean {
  try {
    return Intl.getCanonicalLocales(value).length === 1;
  } catch {
    return false;
  }
}

function isTimeZone(value: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: value }).resolvedOptions().timeZone !== '' && !/^[+-]/.test(value);
  } catch {
    return false;
  }
}
