/** What tokens say of users, as the REST API takes and shows it. */
import { z } from 'zod';
import { longText } from '../../core/http/text.ts';
import { userIdSchema } from '../../directory/index.ts';
import { isReservedClaim } from './reserved-claims.ts';

export const tokenKinds = ['id_token', 'userinfo', 'access_token'] as const;
export type TokenKind = (typeof tokenKinds)[number];

/** Of the user itself. */
export const userAttributes = ['id', 'username', 'displayName', 'givenName', 'familyName', 'email', 'phone', 'locale', 'timeZone', 'externalId'] as const;
export const listSources = ['roles', 'groups', 'group_ids', 'organizational_units', 'organizational_unit_ids'] as const;
export const mostClaims = 20;

const expressionText = longText(4_096);
const nameSchema = z.string().max(200).regex(/^[A-Za-z][A-Za-z0-9_.:/-]*$/, 'must start with a letter and have only letters, digits and _ . : / -')
  .refine((name) => !isReservedClaim(name), 'is a claim of the protocol, which cannot be set');
const sourceSchema = z.union([
  z.enum([...listSources, 'expression']),
  z.string().max(100).regex(new RegExp(`^attribute:(?:${userAttributes.join('|')}|dict\\.[a-z][a-zA-Z0-9_]{0,63})$`), `must be one of ${listSources.join(', ')}, expression, attribute:{one of ${userAttributes.join(', ')}} or attribute:dict.{key of a custom field}`),
]);

export const claimSchema = z.strictObject({
  name: nameSchema.optional().describe('Default for roles, groups and organizational units: the source.'),
  source: sourceSchema.describe('`roles`: as the role mapping makes them, else the keys of the roles in effect; `groups`: names, also of groups that theirs are nested in; `attribute:…`: a value of the user, `attribute:dict.{key}` a custom field that applications may see; `expression`: CEL.'),
  expression: expressionText.optional().describe('CEL over user, roles, groups and application (also as appUser and client). Only with the source `expression`.'),
  tokens: z.array(z.enum(tokenKinds)).min(1).max(tokenKinds.length).refine((kinds) => new Set(kinds).size === kinds.length, 'must not name one twice')
    .default([...tokenKinds]).describe('Where it is said. `access_token`: in JWTs, and at introspection of opaque ones.'),
}).superRefine(({ source, expression, name }, check) => {
  if ((source === 'expression') !== (expression !== undefined)) check.addIssue({ code: 'custom', path: ['expression'], message: 'must be given with the source `expression`, and only then' });
  if (name === undefined && !(listSources as readonly string[]).includes(source)) check.addIssue({ code: 'custom', path: ['name'], message: 'must be given for attributes and expressions' });
});
export type ClaimInput = z.infer<typeof claimSchema>;

const roleMapping = expressionText.nullable().describe('CEL over user, roles, groups and application (also as appUser and client) that gives a string or a list of strings: the roles that the application sees. Null: the keys of the roles as they are.');
const claims = z.array(claimSchema).max(mostClaims);

const example = { roleMapping: '"Sales" in groups ? roles + ["crm-user"] : roles', claims: [{ name: 'roles', source: 'roles', tokens: ['id_token', 'access_token'] }, { name: 'department', source: 'attribute:dict.department', tokens: ['userinfo'] }] };

export const putClaimsSchema = z.strictObject({ roleMapping: roleMapping.default(null), claims: claims.default([]) }).meta({ id: 'PutApplicationClaims', examples: [example] });
export type PutClaims = z.infer<typeof putClaimsSchema>;

export const claimsSchema = z.object({
  roleMapping: z.string().nullable(),
  claims: z.array(z.object({ name: z.string(), source: z.string(), expression: z.string().optional(), tokens: z.array(z.enum(tokenKinds)) })),
}).meta({ id: 'ApplicationClaims' });

export const tryClaimsSchema = z.strictObject({
  userId: userIdSchema,
  roleMapping: roleMapping.optional().describe('Tried in place of the saved one.'),
  claims: claims.optional().describe('Tried in place of the saved ones.'),
}).meta({ id: 'TryApplicationClaims', examples: [{ userId: 'user_01k9v6z3x4p5q6r7s8t9v0w1x2', roleMapping: 'roles.filter(r, r != "guest")' }] });
export type TryClaims = z.infer<typeof tryClaimsSchema>;

const outcome = z.object({
  value: z.unknown().optional().describe('What it gives. Absent: nothing, and `error` says why.'),
  error: z.object({
    message: z.string(), hint: z.string().optional(),
    position: z.object({ line: z.int(), column: z.int(), offset: z.int() }).optional(),
  }).optional(),
});
export const triedClaimsSchema = z.object({
  input: z.object({ user: z.record(z.string(), z.unknown()), roles: z.array(z.string()), groups: z.array(z.string()), application: z.record(z.string(), z.unknown()) }).describe('What expressions see.'),
  roleMapping: outcome.nullable().describe('Null: there is none.'),
  claims: z.array(outcome.extend({ name: z.string() })),
  tokens: z.object({ id_token: z.record(z.string(), z.unknown()), userinfo: z.record(z.string(), z.unknown()), access_token: z.record(z.string(), z.unknown()) }).describe('What each kind of token would say.'),
}).meta({ id: 'TriedApplicationClaims' });
