/** Flow webhooks as the REST API takes and shows them. */
import { z } from 'zod';
import { pageOf, pageQuery } from '../../core/http/paging.ts';
import { text } from '../../core/http/text.ts';
import { idPattern } from '../../core/ids.ts';
import { triggers } from './hook.ts';

const hookId = z.string().regex(idPattern('hook'), 'must be the id of a flow webhook');
const secret = z.string().min(24, 'must have at least 24 characters').max(200).regex(/^[\x21-\x7e]+$/, 'must be printable ASCII without spaces');

const profile = {
  name: text(80), enabled: z.boolean(),
  triggers: z.array(z.enum(triggers)).min(1).max(triggers.length),
  url: z.url({ protocol: /^https?$/ }).max(500).describe('https; http only where the operator allows the address (OUTBOUND_ALLOW).'),
  timeoutMs: z.int().min(100).max(3_000),
  onFailure: z.enum(['continue', 'deny']).describe('What holds when it does not answer, answers wrongly, or was called too often: the flow goes on, or ends.'),
  position: z.int().min(0).max(1_000).describe('Lower ones are called first.'),
  callsPerMinute: z.int().min(1).max(100).describe('Beyond it calls are dropped and counted.'),
};
export const createHookSchema = z.strictObject({
  ...z.object(profile).partial().shape, name: profile.name, triggers: profile.triggers, url: profile.url,
  secret: secret.optional().describe('What requests are signed with. Left out: the server makes one and shows it once, in the answer.'),
}).meta({ id: 'CreateFlowHook', examples: [{ name: 'Fraud check', triggers: ['sign_in.before'], url: 'https://hooks.example.com/postern', onFailure: 'deny' }] });
export type CreateHook = z.infer<typeof createHookSchema>;
export const updateHookSchema = z.strictObject({ ...z.object(profile).partial().shape, secret: secret.optional().describe('Needed with a new URL. Replaces the old one at once; `rotate-secret` leaves time.') })
  .meta({ id: 'UpdateFlowHook', examples: [{ enabled: false }] });
export type UpdateHook = z.infer<typeof updateHookSchema>;

export const hookSchema = z.object({
  id: hookId, name: z.string(), enabled: z.boolean(), triggers: z.array(z.enum(triggers)), url: z.string(), timeoutMs: z.int(), onFailure: z.enum(['continue', 'deny']),
  position: z.int(), callsPerMinute: z.int(), dropped: z.int().describe('Calls that were not made, as there were too many.'),
  previousSecretUntil: z.string().nullable().describe('Until then requests carry a second signature, by the secret before.'), createdAt: z.string(), updatedAt: z.string(),
}).meta({ id: 'FlowHook' });
export const hookWithSecretSchema = hookSchema.extend({ secret: z.string().describe('Shown this once.') }).meta({ id: 'FlowHookWithSecret' });
export const hookPage = pageOf(hookSchema).meta({ id: 'FlowHookPage' });
export const hookParams = z.object({ hookId });
export const listQuery = z.strictObject({ ...pageQuery.shape });

export const rotateSchema = z.strictObject({ overlapHours: z.int().min(0).max(168).default(24).describe('How long the secret before signs too.') }).meta({ id: 'RotateFlowHookSecret' });
export const testSchema = z.strictObject({ trigger: z.enum(triggers).optional() }).meta({ id: 'TestFlowHook' });

export const callSchema = z.object({
  id: z.string(), trigger: z.string(), flowId: z.string().nullable(), userId: z.string().nullable(),
  status: z.enum(['answered', 'failed', 'dropped']), action: z.string().nullable(), httpStatus: z.int().nullable(), milliseconds: z.int(), detail: z.string().nullable(), createdAt: z.string(),
}).meta({ id: 'FlowHookCall', description: 'Without what was sent and answered.' });
export const callPage = pageOf(callSchema).meta({ id: 'FlowHookCallPage' });
