import { z } from 'zod';
import { pageOf, pageQuery } from '../../core/http/paging.ts';
import { idPattern } from '../../core/ids.ts';
import { userIdSchema } from '../../directory/index.ts';

export const recoveryRequestIdSchema = z.string().regex(idPattern('request'), 'must be the id of a recovery request');
export const recoveryStateSchema = z.enum(['pending', 'approved', 'refused', 'used', 'expired']);
const kindSchema = z.enum(['second_factor', 'passkey']).describe('`second_factor`: it is lost, and somebody else has to vouch for the person; `passkey`: it was the only way in, and a time passes before a new one.');

export const recoveryRequestSchema = z.object({
  id: recoveryRequestIdSchema, userId: userIdSchema, kind: kindSchema, state: recoveryStateSchema,
  availableAt: z.string().nullable().describe('Of `passkey`: from then on the person goes on.'),
  expiresAt: z.string(), createdAt: z.string(), decidedAt: z.string().nullable(), decidedBy: z.string().nullable(),
}).meta({ id: 'RecoveryRequest' });
export const recoveryRequestPage = pageOf(recoveryRequestSchema).meta({ id: 'RecoveryRequestPage' });
export const listRecoveryRequestsQuery = z.strictObject({ state: recoveryStateSchema.optional(), userId: userIdSchema.optional(), ...pageQuery.shape });
