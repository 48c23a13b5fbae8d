/** What lists and batches of members of units and groups have in common. */
import { z } from 'zod';
import { userIdSchema, userStatusSchema } from './schemas.ts';

/** Who it is, for a list: the rest is read with the user. */
export const memberUserSchema = z.object({
  id: userIdSchema,
  username: z.string(),
  displayName: z.string(),
  email: z.string().nullable(),
  status: userStatusSchema,
}).meta({ id: 'MemberUser' });

export const mostInBatch = 1_000;

export const userIdsSchema = z.array(userIdSchema).min(1, 'must name at least one user').max(mostInBatch, `must name at most ${mostInBatch} users`)
  .refine((ids) => new Set(ids).size === ids.length, 'must not name a user twice');

export const batchResultSchema = z.object({
  added: z.int().describe('Users who were no members before.'),
  removed: z.int().describe('Users who are no members any more.'),
  unchanged: z.int().describe('Users for whom there was nothing to do.'),
}).meta({ id: 'MembershipChange' });
export type BatchResult = z.infer<typeof batchResultSchema>;
