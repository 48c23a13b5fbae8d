/** Invitations as the REST API takes and shows them. */
import { z } from 'zod';
import { pageOf, pageQuery } from '../../core/http/paging.ts';
import { idPattern } from '../../core/ids.ts';
import { createUserSchema, userIdSchema } from '../schemas.ts';

export const invitationIdSchema = z.string().regex(idPattern('inv'), 'must be the id of an invitation, such as inv_01k9v6z3x4p5q6r7s8t9v0w1x2');

/** Longest and usual life of a link. */
export const mostHours = 720;
export const usualHours = 72;
const expiresInHours = z.int().min(1).max(mostHours).default(usualHours).describe('How long the link works.');

const { email, username, ...profile } = createUserSchema.shape;
export const createInvitationSchema = z.strictObject({
  email: email.unwrap().unwrap(),
  username: username.optional().describe('Default: the e-mail address.'),
  ...profile,
  expiresInHours,
}).meta({ id: 'CreateInvitation', examples: [{ email: 'li.na@example.com', displayName: 'Na Li', expiresInHours: 72 }] });
export type CreateInvitation = z.infer<typeof createInvitationSchema>;

export const resendInvitationSchema = z.strictObject({ expiresInHours }).meta({ id: 'ResendInvitation', examples: [{ expiresInHours: 72 }] });

export const invitationStateSchema = z.enum(['open', 'accepted', 'revoked', 'expired']);

export const invitationSchema = z.object({
  id: invitationIdSchema,
  userId: userIdSchema,
  email: z.string(),
  state: invitationStateSchema,
  sentCount: z.int().describe('How many links were made; only the last one works.'),
  createdAt: z.string(),
  updatedAt: z.string(),
  expiresAt: z.string(),
  acceptedAt: z.string().nullable(),
}).meta({
  id: 'Invitation',
  examples: [{
    id: 'inv_01k9v6z3x4p5q6r7s8t9v0w1x2', userId: 'user_01k9v6z3x4p5q6r7s8t9v0w1x2', email: 'li.na@example.com', state: 'open', sentCount: 1,
    createdAt: '2027-01-04T08:00:00.000Z', updatedAt: '2027-01-04T08:00:00.000Z', expiresAt: '2027-01-07T08:00:00.000Z', acceptedAt: null,
  }],
});

export const newInvitationSchema = z.object({ ...invitationSchema.shape, url: z.string().describe('The link for the person. Shown this once; whoever has it can set the account up.') })
  .meta({ id: 'NewInvitation' });

export const listInvitationsQuery = z.strictObject({ state: invitationStateSchema.optional(), ...pageQuery.shape });
export const invitationPage = pageOf(invitationSchema).meta({ id: 'InvitationPage' });
