/** Application roles and who has them, as the REST API takes and shows them. */
import { z } from 'zod';
import { applicationIdSchema } from '../../applications/index.ts';
import { pageOf, pageQuery } from '../../core/http/paging.ts';
import { longText, text } from '../../core/http/text.ts';
import { idPattern } from '../../core/ids.ts';
import { userIdSchema } from '../../directory/index.ts';

const roleIdPattern = idPattern('role');
export const roleIdSchema = z.string().regex(roleIdPattern, 'must be the id of a role, such as role_01k9v6z3x4p5q6r7s8t9v0w1x2');
export const groupIdSchema = z.string().regex(idPattern('group'), 'must be the id of a group');
export const organizationalUnitIdSchema = z.string().regex(/^(?:ou_root|ou_[0-9a-hjkmnp-tv-z]{26})$/, 'must be the id of an organizational unit, or ou_root');
export const subjectIdSchema = z.union([userIdSchema, groupIdSchema, organizationalUnitIdSchema]).describe('The id of a user, a group or an organizational unit.');

/** The keys of roles; one that reads as an id would be taken for that. */
export const roleKeySchema = z.string().max(100).regex(/^[a-z0-9][a-z0-9_.:-]*$/, 'must consist of a-z, 0-9 and _ . : - and begin with a letter or digit')
  .refine((key) => !roleIdPattern.test(key), 'must not look like the id of a role');

const fields = { name: text(100), description: longText(1_000).nullish() };

export const createRoleSchema = z.strictObject({
  key: roleKeySchema.describe('What the application calls the role; unique in the application, never changed.'),
  ...fields,
  name: fields.name.optional().describe('For people. Default: the key.'),
}).meta({ id: 'CreateApplicationRole', examples: [{ key: 'editor', name: 'Editor', description: 'Writes and publishes articles.' }] });
export type CreateRole = z.infer<typeof createRoleSchema>;

export const updateRoleSchema = z.strictObject(fields).partial()
  .meta({ id: 'UpdateApplicationRole', description: 'Only what is named changes; null clears.', examples: [{ name: 'Senior editor' }] });
export type UpdateRole = z.infer<typeof updateRoleSchema>;

export const roleSchema = z.object({
  id: roleIdSchema,
  applicationId: applicationIdSchema,
  key: z.string(),
  name: z.string(),
  description: z.string().nullable(),
  createdAt: z.string(),
  updatedAt: z.string(),
}).meta({ id: 'ApplicationRole' });
export const rolePage = pageOf(roleSchema).meta({ id: 'ApplicationRolePage' });

export const deleteRoleQuery = z.strictObject({
  force: z.enum(['true', 'false']).default('false').describe('`true`: also when it is assigned; the assignments go with it.'),
});

export const timestamp = z.iso.datetime({ offset: true });
export const subjectKinds = ['user', 'group', 'organizational_unit'] as const;
export type SubjectKind = (typeof subjectKinds)[number];

export const putAssignmentSchema = z.strictObject({
  expiresAt: timestamp.nullish().describe('From then on it has no effect. Absent or null: until it is taken back.'),
  withDescendants: z.boolean().default(false).describe('Of an organizational unit: its members and those of all units below it.'),
}).meta({ id: 'PutRoleAssignment', examples: [{ expiresAt: '2027-12-31T23:59:59Z' }] });

export const assignmentSchema = z.object({
  roleId: roleIdSchema,
  subjectType: z.enum(subjectKinds),
  subjectId: z.string(),
  subjectName: z.string().describe('The display name of a user, the name of a group or unit.'),
  withDescendants: z.boolean(),
  expiresAt: z.string().nullable(),
  createdAt: z.string(),
}).meta({ id: 'RoleAssignment' });
export const assignmentPage = pageOf(assignmentSchema).meta({ id: 'RoleAssignmentPage' });

export const listAssignmentsQuery = z.strictObject({
  ...pageQuery.shape,
  subjectType: z.enum(subjectKinds).optional(),
});

/** Roles that a group or unit itself was given. */
export const directRoleSchema = z.object({
  id: roleIdSchema, applicationId: applicationIdSchema, key: z.string(), name: z.string(),
  withDescendants: z.boolean(), expiresAt: z.string().nullable(), createdAt: z.string(),
}).meta({ id: 'DirectApplicationRole' });
export const directRolePage = pageOf(directRoleSchema).meta({ id: 'DirectApplicationRolePage' });

export const reasonSchema = z.object({
  type: z.enum(subjectKinds),
  id: z.string().optional().describe('Of the group or organizational unit.'),
  name: z.string().optional(),
  via: z.object({ id: z.string(), name: z.string() }).optional().describe('The group below it, or the unit below it, that the user belongs to.'),
  text: z.string().describe('For people: `directly`, `through OU Sales`, `through group Admins (via Ops)`.'),
  expiresAt: z.string().nullable(),
}).meta({ id: 'RoleReason' });

export const effectiveRoleSchema = z.object({
  id: roleIdSchema, applicationId: applicationIdSchema, key: z.string(), name: z.string(),
  through: z.array(reasonSchema).describe('Why the user has it; one entry for each way.'),
}).meta({ id: 'EffectiveRole' });
export const effectiveRolePage = pageOf(effectiveRoleSchema).meta({ id: 'EffectiveRolePage' });
