import type { NewEvent } from '../../events/index.ts';

interface Named { readonly id: string; readonly userId: string }

/** Without the address, which the user's own events show, and without the link. */
const event = (type: string, { id, userId }: Named, after: object = {}): NewEvent => ({ type, subject: { type: 'invitation', id }, after: { userId, ...after } });

export const invitationCreated = (invitation: Named, expiresAt: Date) => event('invitation.created', invitation, { expiresAt: expiresAt.toISOString() });
export const invitationResent = (invitation: Named, expiresAt: Date) => event('invitation.resent', invitation, { expiresAt: expiresAt.toISOString() });
export const invitationRevoked = (invitation: Named) => event('invitation.revoked', invitation);
export const invitationAccepted = (invitation: Named) => event('invitation.accepted', invitation);
