/** Users as the REST API takes and shows them; the only source of the OpenAPI document. */
import { z } from 'zod';
import { pageOf, pageQuery } from '../core/http/paging.ts';
import { text } from '../core/http/text.ts';
import { idPattern } from '../core/ids.ts';
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

export const createUserSchema = z.strictObject({
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
}).meta({ id: 'CreateUser', examples: [{ username: 'zhang.wei', givenName: 'Wei', familyName: 'Zhang', email: 'zhang.wei@example.com' }] });
export type CreateUser = z.infer<typeof createUserSchema>;

export const updateUserSchema = createUserSchema.partial()
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
  locale: z.string().nullable(),
  timeZone: z.string().nullable(),
  externalId: z.string().nullable(),
  status: userStatusSchema,
  expiresAt: z.string().nullable(),
  createdAt: z.string(),
  updatedAt: z.string(),
  lastSignInAt: z.string().nullable(),
}).meta({
  id: 'User',
  examples: [{
    id: exampleId, username: 'zhang.wei', displayName: 'Wei Zhang', givenName: 'Wei', familyName: 'Zhang',
    email: 'zhang.wei@example.com', emailVerified: true, phone: null, phoneVerified: false, locale: 'zh-CN', timeZone: 'Asia/Shanghai',
    externalId: null, status: 'enabled', expiresAt: null, createdAt: '2027-01-04T08:00:00.000Z', updatedAt: '2027-01-04T08:00:00.000Z', lastSignInAt: null,
  }],
});

export const userFilters = z.strictObject({
  status: userStatusSchema.optional(),
  username: text(64).optional().describe('Users whose username starts with this; case and look-alikes do not count.'),
  email: text(254).optional().describe('Users whose e-mail address starts with this.'),
  externalId: text(255).optional(),
  createdAfter: timestamp.optional(),
  createdBefore: timestamp.optional(),
});
export type UserFilters = z.infer<typeof userFilters>;

export const listUsersQuery = z.strictObject({ ...userFilters.shape, ...pageQuery.shape });
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
