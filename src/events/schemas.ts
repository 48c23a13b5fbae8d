/** Events as the REST API shows them. */
import { z } from 'zod';
import { pageOf, pageQuery } from '../core/http/paging.ts';
import { text } from '../core/http/text.ts';
import { idPattern } from '../core/ids.ts';

export const eventIdSchema = z.string().regex(idPattern('evnt'), 'must be the id of an event');
const timestamp = z.iso.datetime({ offset: true });

export const eventFilters = z.strictObject({
  type: z.string().max(100).regex(/^[a-z_]+(\.[a-z_]+)+$/, 'must be a type such as user.created').optional(),
  subjectId: text(120).optional().describe('What was changed; also whom a change of role assignments names.'),
  actorId: text(120).optional().describe('Who changed it: a user or an application.'),
  from: timestamp.optional().describe('At this time or later.'),
  to: timestamp.optional().describe('Before this time.'),
});
export type EventFilters = z.infer<typeof eventFilters>;

export const listEventsQuery = z.strictObject({ ...eventFilters.shape, ...pageQuery.shape });

const state = z.record(z.string(), z.unknown()).nullable();
export const eventSchema = z.object({
  id: eventIdSchema,
  type: z.string().describe('Past tense: `user.disabled`.'),
  occurredAt: z.string(),
  actor: z.looseObject({ kind: z.string(), id: z.string().optional() }).describe('Who did it: a user, an application, the operator, or the system.'),
  subject: z.object({ type: z.string(), id: z.string() }).describe('What it was done to.'),
  before: state.describe('The state that the change found; never with secrets.'),
  after: state.describe('The state that the change left.'),
  address: z.string().nullable().describe('The address of the client.'),
  requestId: z.string().nullable(),
}).meta({
  id: 'Event',
  examples: [{
    id: 'evnt_01k9v6z3x4p5q6r7s8t9v0w1x2', type: 'user.disabled', occurredAt: '2027-01-04T08:00:00.000Z',
    actor: { kind: 'application', id: 'app_01k9v6z3x4p5q6r7s8t9v0w1x2' }, subject: { type: 'user', id: 'user_01k9v6z3x4p5q6r7s8t9v0w1x2' },
    before: { status: 'enabled' }, after: { status: 'disabled' }, address: '192.0.2.10', requestId: 'req_01k9v6z3x4p5q6r7s8t9v0w1x2',
  }],
});
export const eventPage = pageOf(eventSchema).meta({ id: 'EventPage' });
