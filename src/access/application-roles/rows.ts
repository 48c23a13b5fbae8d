/** One row of a change, as the API for automation and its uploads take it: whom, and which roles. */
import { z } from 'zod';
import { text } from '../../core/http/text.ts';
import { userIdSchema } from '../../directory/index.ts';
import { groupIdSchema, organizationalUnitIdSchema, roleIdSchema, roleKeySchema, timestamp } from './schemas.ts';

export const mostRows = 1_000;
export const mostRolesInRow = 20;

const roleReferenceSchema = z.union([roleKeySchema, roleIdSchema]).describe('The key of a role, or its id.');

export const subjectFields = {
  userId: userIdSchema.optional(),
  username: text(64).optional(),
  email: text(254).optional().describe('A verified one: others anybody may claim.'),
  externalId: text(255).optional().describe('Of a user. It must be the only one with it.'),
  groupId: groupIdSchema.optional(),
  organizationalUnitId: organizationalUnitIdSchema.optional(),
} as const;
const subjectNames = Object.keys(subjectFields) as (keyof typeof subjectFields)[];

export const describeSubject = 'Whom: exactly one of userId, username, email, externalId, groupId, organizationalUnitId.';
export const namesOne = (row: Partial<Record<keyof typeof subjectFields, string | undefined>>) => subjectNames.filter((name) => row[name] !== undefined).length === 1;

const rolesSchema = (least: number) => z.array(roleReferenceSchema).min(least).max(mostRolesInRow);
const terms = {
  expiresAt: timestamp.nullish().describe('Of all roles of the row. Absent or null: no end.'),
  withDescendants: z.boolean().optional().describe('Only with organizationalUnitId: also the members of units below it.'),
};

/** Roles to give. */
export const assignRowSchema = z.strictObject({ ...subjectFields, roles: rolesSchema(1), ...terms }).refine(namesOne, describeSubject)
  .meta({ id: 'AssignRolesRow', description: describeSubject, examples: [{ externalId: 'E-1024', roles: ['editor'] }] });
/** Roles to take back. */
export const revokeRowSchema = z.strictObject({ ...subjectFields, roles: rolesSchema(1) }).refine(namesOne, describeSubject)
  .meta({ id: 'RevokeRolesRow', description: describeSubject, examples: [{ username: 'zhang.wei', roles: ['editor'] }] });
/** All roles of the application that the subject is to have itself; none: an empty list. */
export const replaceRowSchema = z.strictObject({ ...subjectFields, roles: rolesSchema(0), ...terms }).refine(namesOne, describeSubject)
  .meta({ id: 'ReplaceRolesRow', description: describeSubject, examples: [{ email: 'zhang.wei@example.com', roles: ['editor', 'reviewer'] }] });

export const operations = ['assign', 'revoke', 'replace'] as const;
export type Operation = (typeof operations)[number];
export const rowSchemas = { assign: assignRowSchema, revoke: revokeRowSchema, replace: replaceRowSchema } as const;
export type Row = z.infer<typeof replaceRowSchema>;

/** Users as the API for automation names them, to read. */
export const userReferenceSchema = z.strictObject({ userId: subjectFields.userId, username: subjectFields.username, email: subjectFields.email, externalId: subjectFields.externalId })
  .refine(namesOne, 'Exactly one of userId, username, email, externalId.').meta({ id: 'UserReference', examples: [{ username: 'zhang.wei' }] });
