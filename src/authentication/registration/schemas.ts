import { z } from 'zod';
import { pageOf, pageQuery } from '../../core/http/paging.ts';
import { longText } from '../../core/http/text.ts';
import { idPattern } from '../../core/ids.ts';
import { userIdSchema } from '../../directory/index.ts';

export const registrationIdSchema = z.string().regex(idPattern('reg'), 'must be the id of a registration');
const stateSchema = z.enum(['pending', 'approved', 'refused']);

export const registrationSchema = z.object({
  id: registrationIdSchema, userId: userIdSchema.describe('The account: pending until it is approved; deleted when it is refused.'),
  state: stateSchema, reason: z.string().nullable(), createdAt: z.string(), decidedAt: z.string().nullable(), decidedBy: z.string().nullable(),
}).meta({ id: 'Registration' });
export const registrationPage = pageOf(registrationSchema).meta({ id: 'RegistrationPage' });
export const listRegistrationsQuery = z.strictObject({ state: stateSchema.optional(), ...pageQuery.shape });
export const refuseSchema = z.strictObject({ reason: longText(500).min(1).optional().describe('The person reads it.') }).meta({ id: 'RefuseRegistration', examples: [{ reason: 'We only take employees.' }] });
