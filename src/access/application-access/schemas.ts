/** Who may open an application, as the REST API takes and shows it. */
import { z } from 'zod';
import { applicationIdSchema } from '../../applications/index.ts';
import { pageOf, pageQuery } from '../../core/http/paging.ts';
import { userIdSchema } from '../../directory/index.ts';
import { describeSubject, mostRows, namesOne, subjectFields } from '../application-roles/rows.ts';
import { reasonSchema, subjectIdSchema, subjectKinds, timestamp } from '../application-roles/schemas.ts';

export const accessModes = ['everyone', 'assigned'] as const;
export type AccessMode = (typeof accessModes)[number];

const modeSchema = z.enum(accessModes).describe('`everyone`: every user who can sign in; `assigned`: only those that it is assigned to.');

export const ofApplication = z.object({ applicationId: applicationIdSchema });
export const ofSubject = ofApplication.extend({ subjectId: subjectIdSchema });
export const ofUser = ofApplication.extend({ userId: userIdSchema });

export const putAccessSchema = z.strictObject({ mode: modeSchema }).meta({ id: 'PutApplicationAccess', examples: [{ mode: 'assigned' }] });
export const accessSchema = z.object({ mode: modeSchema }).meta({ id: 'ApplicationAccess' });

export const putAccessAssignmentSchema = z.strictObject({
  expiresAt: timestamp.nullish().describe('From then on it has no effect. Absent or null: until it is taken away.'),
  withDescendants: z.boolean().default(false).describe('Of an organizational unit: its members and those of all units below it.'),
}).meta({ id: 'PutApplicationAccessAssignment', examples: [{ expiresAt: '2027-12-31T23:59:59Z' }] });

export const addRowSchema = z.strictObject({
  ...subjectFields,
  expiresAt: timestamp.nullish().describe('Absent or null: no end.'),
  withDescendants: z.boolean().optional().describe('Only with organizationalUnitId: also the members of units below it.'),
}).refine(namesOne, describeSubject)
  .meta({ id: 'AddApplicationAccessRow', description: describeSubject, examples: [{ organizationalUnitId: 'ou_root', withDescendants: true }] });
export type AccessRow = z.infer<typeof addRowSchema>;
export const removeRowSchema = z.strictObject(subjectFields).refine(namesOne, describeSubject)
  .meta({ id: 'RemoveApplicationAccessRow', description: describeSubject, examples: [{ username: 'zhang.wei' }] });

const allOrNothing = z.boolean().default(false).describe('`true`: when a row cannot be applied, none is (409).');
export const addAccessSchema = z.strictObject({ rows: z.array(addRowSchema).min(1).max(mostRows), allOrNothing })
  .meta({ id: 'AddApplicationAccess', examples: [{ rows: [{ organizationalUnitId: 'ou_root', withDescendants: true }, { username: 'zhang.wei', expiresAt: '2027-12-31T23:59:59Z' }] }] });
export const removeAccessSchema = z.strictObject({ rows: z.array(removeRowSchema).min(1).max(mostRows), allOrNothing })
  .meta({ id: 'RemoveApplicationAccess', examples: [{ rows: [{ username: 'zhang.wei' }] }] });

export const accessChangesSchema = z.object({
  changes: z.int().describe('Assignments that were made, changed or taken away.'),
  failed: z.int(),
  results: z.array(z.object({
    row: z.int().describe('From 0.'),
    status: z.enum(['added', 'changed', 'removed', 'unchanged', 'failed']),
    subjectId: z.string().optional(),
    error: z.object({ code: z.string(), detail: z.string() }).optional(),
  })),
}).meta({ id: 'ApplicationAccessChanges' });

export const listAccessQuery = z.strictObject({ ...pageQuery.shape, subjectType: z.enum(subjectKinds).optional() });
export const accessAssignmentSchema = z.object({
  subjectType: z.enum(subjectKinds),
  subjectId: z.string(),
  subjectName: z.string().describe('The display name of a user, the name of a group or unit.'),
  withDescendants: z.boolean(),
  expiresAt: z.string().nullable(),
  createdAt: z.string(),
}).meta({ id: 'ApplicationAccessAssignment' });
export const accessAssignmentPage = pageOf(accessAssignmentSchema).meta({ id: 'ApplicationAccessAssignmentPage' });

export const userAccessSchema = z.object({
  allowed: z.boolean().describe('Whether the application is open to the user. Status of the account, network zones and access policies have their own say.'),
  mode: z.enum(accessModes),
  reasons: z.array(reasonSchema).describe('By which assignments; one entry for each way. Also told where the application is open to everyone.'),
}).meta({ id: 'UserApplicationAccess' });
