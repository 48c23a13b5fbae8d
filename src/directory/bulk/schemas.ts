/** Bulk work on users. Each row is held against its schema on its own, so that a bad one does not spoil the others. */
import { z } from 'zod';
import { createUserSchema, updateUserSchema, userIdSchema } from '../schemas.ts';

export const mostRows = 1_000;

const target = { userId: userIdSchema, ifMatch: z.string().max(200).optional().describe('The ETag that the change is meant for.') };

export const bulkRowSchema = z.discriminatedUnion('operation', [
  z.strictObject({ operation: z.literal('create'), user: createUserSchema }),
  z.strictObject({ operation: z.literal('update'), ...target, change: updateUserSchema }),
  z.strictObject({ operation: z.enum(['enable', 'disable', 'lock', 'unlock']), ...target }),
  z.strictObject({ operation: z.literal('delete'), ...target }),
]).meta({ id: 'BulkUserRow', description: 'What to do with one user.' });
export type BulkRow = z.infer<typeof bulkRowSchema>;

export const bulkUsersSchema = z.strictObject({
  mode: z.enum(['per_row', 'all_or_nothing']).default('per_row').describe('`per_row`: each row is done or refused on its own. `all_or_nothing`: the first refusal undoes all.'),
  rows: z.array(z.union([bulkRowSchema, z.unknown()])).min(1, 'must have at least one row').max(mostRows, `must have at most ${mostRows} rows`),
}).meta({
  id: 'BulkUsers',
  examples: [{ mode: 'per_row', rows: [{ operation: 'create', user: { username: 'li.na', email: 'li.na@example.com' } }] }],
});
export type BulkUsers = z.infer<typeof bulkUsersSchema>;

const bulkProblemSchema = z.object({
  status: z.int(),
  code: z.string(),
  detail: z.string(),
  errors: z.array(z.object({ field: z.string(), code: z.string(), detail: z.string() })).optional(),
});

export const bulkAnswerSchema = z.object({
  applied: z.boolean().describe('False: all_or_nothing, and a row was refused; nothing was changed.'),
  succeeded: z.int(),
  failed: z.int(),
  results: z.array(z.object({
    index: z.int().describe('Of the row, from 0.'),
    status: z.int().describe('As the single call would have answered: 201, 200, 204, or the status of the refusal. 424: fine, but undone for the sake of another row.'),
    id: z.string().optional(),
    etag: z.string().optional(),
    problem: bulkProblemSchema.optional(),
  })),
}).meta({ id: 'BulkUsersAnswer' });
export type BulkAnswer = z.infer<typeof bulkAnswerSchema>;
export type BulkResult = BulkAnswer['results'][number];
