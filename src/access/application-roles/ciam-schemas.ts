/** The role API for automation, as it takes and shows things. */
import { z } from 'zod';
import { assignRowSchema, mostRows, replaceRowSchema, revokeRowSchema, userReferenceSchema } from './rows.ts';
import { effectiveRoleSchema } from './schemas.ts';

const allOrNothing = z.boolean().default(false).describe('`true`: when one row cannot be applied, none is (409, with the results).');
const bodyOf = <Row extends z.ZodType>(row: Row) => z.strictObject({ rows: z.array(row).min(1).max(mostRows), allOrNothing });

export const assignRolesSchema = bodyOf(assignRowSchema).meta({ id: 'AssignRoles', examples: [{ rows: [{ externalId: 'E-1024', roles: ['editor'] }] }] });
export const revokeRolesSchema = bodyOf(revokeRowSchema).meta({ id: 'RevokeRoles', examples: [{ rows: [{ username: 'zhang.wei', roles: ['editor'] }] }] });
export const replaceRolesSchema = bodyOf(replaceRowSchema).meta({ id: 'ReplaceRoles', examples: [{ rows: [{ email: 'zhang.wei@example.com', roles: ['editor', 'reviewer'] }] }] });
export const diffRolesSchema = z.strictObject({
  rows: z.array(replaceRowSchema).min(1).max(mostRows), allOrNothing,
  apply: z.boolean().default(false).describe('`false`: says what would change. `true`: changes it, too; then the same as replace.'),
}).meta({ id: 'DiffRoles', examples: [{ rows: [{ externalId: 'E-1024', roles: ['editor'] }], apply: false }] });

const keys = z.array(z.string()).optional();
export const rowResultSchema = z.object({
  row: z.int().describe('The place of the row in the request, from 0.'),
  status: z.enum(['changed', 'unchanged', 'failed']),
  subjectId: z.string().optional().describe('Whom the row named.'),
  assigned: keys.describe('Keys of roles that are given.'),
  changed: keys.describe('Keys of roles whose end or reach changes.'),
  revoked: keys.describe('Keys of roles that are taken back.'),
  error: z.object({ code: z.string(), detail: z.string() }).optional(),
}).meta({ id: 'RoleRowResult' });

export const changesSchema = z.object({
  applied: z.boolean().describe('Whether the changes were made; `false` for a diff that only looks.'),
  changes: z.int().describe('Assignments that were made, changed or taken back.'),
  failed: z.int().describe('Rows that could not be applied.'),
  results: z.array(rowResultSchema).describe('One for each row, in their order.'),
}).meta({ id: 'RoleChanges', examples: [{ applied: true, changes: 1, failed: 0, results: [{ row: 0, status: 'changed', subjectId: 'user_01k9v6z3x4p5q6r7s8t9v0w1x2', assigned: ['editor'] }] }] });

export const effectiveQuerySchema = z.strictObject({ users: z.array(userReferenceSchema).min(1).max(mostRows) })
  .meta({ id: 'EffectiveRolesQuery', examples: [{ users: [{ username: 'zhang.wei' }] }] });
export const effectiveAnswerSchema = z.object({
  results: z.array(z.object({
    row: z.int(), userId: z.string().optional(), roles: z.array(effectiveRoleSchema).optional(), error: z.object({ code: z.string(), detail: z.string() }).optional(),
  })),
}).meta({ id: 'EffectiveRolesAnswer' });
