/** `/api/v1/invitations`. */
import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { RouteAccess } from '../../core/http/access.ts';
import { answers, noContent } from '../../core/http/answers.ts';
import { entityTag, ifMatchHeader } from '../../core/http/entity-tag.ts';
import type { Invitation } from '../../generated/prisma/client.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import { rejectOutsideLimit } from '../limits.ts';
import { invitationNotFound } from './errors.ts';
import { createInvitation, loadInvitation, type NewLink, resendInvitation, revokeInvitation } from './invitations.ts';
import { listInvitations } from './list-invitations.ts';
import { createInvitationSchema, invitationIdSchema, invitationPage, invitationSchema, listInvitationsQuery, newInvitationSchema, resendInvitationSchema } from './schemas.ts';

const read: RouteAccess = { credential: 'bearer', scope: 'invitation:read', permission: 'directory.invitations.read', limit: 'organizational-units' };
const manage: RouteAccess = { credential: 'bearer', scope: 'invitation:manage', permission: 'directory.invitations.manage', limit: 'organizational-units' };
const params = z.object({ invitationId: invitationIdSchema });

export async function invitations(app: FastifyInstance): Promise<void> {
  const routes = app.withTypeProvider<ZodTypeProvider>();
  const tags = ['Invitations'];

  routes.get('', {
    schema: { operationId: 'listInvitations', summary: 'List invitations, newest first', tags, querystring: listInvitationsQuery, response: answers({ 200: invitationPage }) },
    config: { access: read },
  }, async ({ instanceContext: context, query }) => {
    const page = await listInvitations(context, query);
    return { items: page.items.map((invitation) => view(context, invitation)), next: page.next };
  });

  routes.post('', {
    schema: { operationId: 'createInvitation', summary: 'Invite a person', description: 'Makes a pending user and a link with which the person chooses a password and is signed in. The link is in this answer and nowhere else; the address stays unverified.', tags, body: createInvitationSchema, response: answers({ 201: newInvitationSchema }) },
    config: { access: manage },
  }, async ({ instanceContext: context, body }, reply) => {
    const created = await createInvitation(context, body);
    return reply.code(201).headers({ location: `${context.instance.issuer}/api/v1/invitations/${created.invitation.id}`, ...tagOf(created.invitation) }).send(viewNew(context, created));
  });

  routes.get('/:invitationId', {
    schema: { operationId: 'getInvitation', summary: 'Read an invitation', tags, params, response: answers({ 200: invitationSchema }) },
    config: { access: read },
  }, async ({ instanceContext: context, params: { invitationId } }, reply) => {
    const invitation = await loadInvitation(context, invitationId);
    await rejectOutsideLimit(context, invitation.userId, invitationNotFound);
    return reply.headers(tagOf(invitation)).send(view(context, invitation));
  });

  routes.post('/:invitationId/resend', {
    schema: { operationId: 'resendInvitation', summary: 'Make a new link', description: 'Earlier links of the invitation stop working. Also of one that is revoked or too old.', tags, params, headers: ifMatchHeader, body: resendInvitationSchema, response: answers({ 200: newInvitationSchema }, 412) },
    config: { access: manage },
  }, async ({ instanceContext: context, params: { invitationId }, body, headers }, reply) => {
    const resent = await resendInvitation(context, invitationId, body.expiresInHours, headers['if-match']);
    return reply.headers(tagOf(resent.invitation)).send(viewNew(context, resent));
  });

  routes.delete('/:invitationId', {
    schema: { operationId: 'revokeInvitation', summary: 'Revoke an invitation', description: 'Its link stops working; the pending user stays.', tags, params, headers: ifMatchHeader, response: answers({ 204: noContent }, 412) },
    config: { access: manage },
  }, async ({ instanceContext: context, params: { invitationId }, headers }, reply) => {
    await revokeInvitation(context, invitationId, headers['if-match']);
    return reply.code(204).send();
  });
}

const tagOf = ({ version }: Invitation) => ({ etag: entityTag(version) });

function view(context: InstanceContext, { id, userId, email, state, sentCount, createdAt, updatedAt, expiresAt, acceptedAt }: Invitation) {
  return {
    id, userId, email, sentCount,
    state: state === 'open' && expiresAt <= context.now() ? 'expired' as const : state as 'open' | 'accepted' | 'revoked',
    createdAt: createdAt.toISOString(), updatedAt: updatedAt.toISOString(), expiresAt: expiresAt.toISOString(), acceptedAt: acceptedAt?.toISOString() ?? null,
  };
}

const viewNew = (context: InstanceContext, { invitation, url }: NewLink) => ({ ...view(context, invitation), url });
