/** What the REST routes of this feature take and give. */
import { z } from 'zod';
import { pageOf, pageQuery } from '../core/http/paging.ts';
import { idPattern } from '../core/ids.ts';
import { userIdSchema } from '../directory/index.ts';

export const sessionIdSchema = z.string().regex(idPattern('sess'), 'must be the id of a session, such as sess_01k9v6z3x4p5q6r7s8t9v0w1x2');
export const sessionParams = z.object({ sessionId: sessionIdSchema });
export const userParams = z.object({ userId: userIdSchema });

export const listSessionsQuery = pageQuery.extend({
  userId: userIdSchema.optional(),
  live: z.stringbool().optional().describe('true: only those that are still live; false: only those that ended.'),
});

export const sessionSchema = z.object({
  id: sessionIdSchema,
  userId: userIdSchema,
  createdAt: z.iso.datetime(),
  lastSeenAt: z.iso.datetime(),
  authTime: z.iso.datetime().describe('When the person last proved who they are.'),
  idleExpiresAt: z.iso.datetime(),
  absoluteExpiresAt: z.iso.datetime(),
  endedAt: z.iso.datetime().nullable(),
  endReason: z.string().nullable(),
  remember: z.boolean(),
  acr: z.string(),
  amr: z.array(z.string()),
  address: z.string().nullable(),
  userAgent: z.string().nullable(),
}).meta({ id: 'Session' });

export const participantSchema = z.object({
  applicationId: z.string(),
  protocol: z.string(),
  firstSeenAt: z.iso.datetime(),
  logout: z.object({
    state: z.enum(['none', 'pending', 'delivered', 'failed']).describe('How the notice of the end went: none was due, under way, accepted, or given up.'),
    attempts: z.int(),
    error: z.string().nullable(),
    deliveredAt: z.iso.datetime().nullable(),
  }),
}).meta({ id: 'SessionParticipant' });

export const sessionDetailSchema = sessionSchema.extend({ participants: z.array(participantSchema) }).meta({ id: 'SessionDetail' });
export const sessionPage = pageOf(sessionSchema);

export const endedSessionsSchema = z.object({ ended: z.int().describe('How many live sessions were ended.') }).meta({ id: 'EndedSessions' });

export const setPasswordSchema = z.strictObject({
  password: z.string().min(1).max(1024).describe('Must meet the password policy of the instance.'),
  mustChange: z.boolean().default(false).describe('The person has to choose another one at the next sign-in.'),
}).meta({ id: 'SetPassword' });

export const setupLinkSchema = z.object({
  url: z.string().describe('Opened by the user: in this answer and nowhere else.'),
  expiresAt: z.iso.datetime(),
}).meta({ id: 'SetupLink' });
