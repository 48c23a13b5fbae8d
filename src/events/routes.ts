import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { RouteAccess } from '../core/http/access.ts';
import { answers } from '../core/http/answers.ts';
import { listEvents, loadEvent } from './list-events.ts';
import { eventIdSchema, eventPage, eventSchema, listEventsQuery } from './schemas.ts';
import type { StoredEvent } from './stored-event.ts';

const read: RouteAccess = { credential: 'bearer', scope: 'event:read', permission: 'events.read' };

/** `/api/v1/events`. */
export async function events(app: FastifyInstance): Promise<void> {
  const routes = app.withTypeProvider<ZodTypeProvider>();
  const tags = ['Events'];

  routes.get('/api/v1/events', {
    schema: { operationId: 'listEvents', summary: 'Read the event log, newest first', tags, querystring: listEventsQuery, response: answers({ 200: eventPage }) },
    config: { access: read },
  }, async ({ instanceContext: context, query }) => {
    const page = await listEvents(context, query);
    return { items: page.items.map(view), next: page.next };
  });

  routes.get('/api/v1/events/:eventId', {
    schema: { operationId: 'getEvent', summary: 'Read an event', tags, params: z.object({ eventId: eventIdSchema }), response: answers({ 200: eventSchema }) },
    config: { access: read },
  }, async ({ instanceContext: context, params: { eventId } }) => view(await loadEvent(context, eventId)));
}

type EventView = z.infer<typeof eventSchema>;

function view(event: StoredEvent): EventView {
  return {
    id: event.id,
    type: event.type,
    occurredAt: event.occurredAt.toISOString(),
    actor: event.actor as EventView['actor'],
    subject: { type: event.subjectType, id: event.subjectId },
    before: event.before as EventView['before'],
    after: event.after as EventView['after'],
    address: event.address,
    requestId: event.requestId,
  };
}
