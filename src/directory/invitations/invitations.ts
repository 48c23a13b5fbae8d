/**
 * An invitation makes a pending account and a link with which its person sets it up. The link names nothing but itself:
 * who, where and until when stand in the database. It proves nothing of the mailbox, as whoever called this API may have
 * passed it on by other ways; the address stays unverified.
 */
import { checkEntityTag } from '../../core/http/entity-tag.ts';
import { newId } from '../../core/ids.ts';
import { randomToken, sha256 } from '../../core/secrets.ts';
import { append } from '../../events/index.ts';
import type { Invitation } from '../../generated/prisma/client.ts';
import { key, type InstanceContext } from '../../tenancy/index.ts';
import { userStatusChanged } from '../events.ts';
import { keepDynamicGroups } from '../groups/keep-dynamic-groups.ts';
import { guardUsers } from '../guards.ts';
import { rejectChangeOutsideLimit } from '../limits.ts';
import { createUserSchema } from '../schemas.ts';
import { fromRow } from '../user.ts';
import { announceUser, forgetUser } from '../user-status.ts';
import { createUser, loadUser, loadUserForUpdate } from '../users.ts';
import { invitationClosed, invitationNotFound, usernameNeeded } from './errors.ts';
import { invitationAccepted, invitationCreated, invitationResent, invitationRevoked } from './events.ts';
import type { CreateInvitation } from './schemas.ts';

/** What is shown once: only the hash of the link's token is kept. */
export interface NewLink { readonly invitation: Invitation; readonly url: string }

const hour = 3_600_000;

/** @throws Problem as `createUser` does */
export function createInvitation(context: InstanceContext, { expiresInHours, ...person }: CreateInvitation): Promise<NewLink> {
  const username = person.username ?? person.email;
  if (!createUserSchema.shape.username.safeParse(username).success) throw usernameNeeded();
  return context.transaction(async (tx) => {
    const user = await createUser(tx, { ...person, username }, { status: 'pending', source: { type: 'invitation' } });
    const now = tx.now();
    const { token, ...link } = newLink(tx, expiresInHours);
    const invitation = await tx.db.invitation.create({ data: { id: newId('inv', now.getTime()), userId: user.id, email: person.email, createdAt: now, updatedAt: now, ...link } });
    await append(tx, invitationCreated(invitation, link.expiresAt));
    return { invitation, url: urlOf(tx, token) };
  });
}

/** Makes a new link for a person who has not accepted; earlier ones stop working. @throws Problem 404, 409, 412 */
export function resendInvitation(context: InstanceContext, invitationId: string, expiresInHours: number, ifMatch?: string): Promise<NewLink> {
  return context.transaction(async (tx) => {
    const before = await loadForUpdate(tx, invitationId);
    checkEntityTag(ifMatch, before.version);
    const user = await loadUser(tx, before.userId);
    if (before.state === 'accepted' || user.status !== 'pending') throw invitationClosed('The account is set up already, or was enabled or disabled by an administrator.');
    if (user.email === null) throw invitationClosed('The account has no e-mail address any more: give it one first.');
    await guardUsers(tx, [user.id]);
    const { token, ...link } = newLink(tx, expiresInHours);
    const invitation = await tx.db.invitation.update({ where: key(tx, invitationId), data: { ...link, email: user.email, state: 'open', sentCount: before.sentCount + 1, version: before.version + 1, updatedAt: tx.now() } });
    await append(tx, invitationResent(invitation, link.expiresAt));
    return { invitation, url: urlOf(tx, token) };
  });
}

/** The link stops working; the pending account stays until it is deleted or invited again. @throws Problem 404, 409 (accepted), 412 */
export async function revokeInvitation(context: InstanceContext, invitationId: string, ifMatch?: string): Promise<void> {
  await context.transaction(async (tx) => {
    const before = await loadForUpdate(tx, invitationId);
    checkEntityTag(ifMatch, before.version);
    if (before.state === 'accepted') throw invitationClosed('The invitation was accepted: disable or delete the user instead.');
    if (before.state === 'revoked') return;
    await tx.db.invitation.update({ where: key(tx, invitationId), data: { state: 'revoked', version: before.version + 1, updatedAt: tx.now() } });
    await append(tx, invitationRevoked(before));
  });
}

/** @throws Problem 404 */
export async function loadInvitation(context: InstanceContext, invitationId: string): Promise<Invitation> {
  const invitation = await context.db.invitation.findUnique({ where: key(context, invitationId) });
  if (!invitation) throw invitationNotFound();
  return invitation;
}

/** What a link opens: `ref` names the invitation as it was sent with this very link. */
export interface OpenInvitation { readonly ref: string; readonly userId: string }

/** Undefined: unknown, used, withdrawn, too old, or not for the account as it is now. */
export async function findInvitationByToken(context: InstanceContext, token: string): Promise<OpenInvitation | undefined> {
  const invitation = await context.db.invitation.findUnique({ where: { instanceId_tokenHash: { instanceId: context.instance.id, tokenHash: sha256(token) } } });
  if (!invitation || !await isOpen(context, invitation)) return undefined;
  return { ref: `${invitation.id}.${invitation.sentCount}`, userId: invitation.userId };
}

/**
 * Uses the invitation up, once, and enables the account: in the transaction in which the person has chosen how to sign in.
 * @returns false when it was used, withdrawn or sent anew meanwhile, is too old, or belongs to another account
 */
export async function acceptInvitation(tx: InstanceContext, ref: string, userId: string): Promise<boolean> {
  const [id = '', sentCount = ''] = ref.split('.');
  const before = await loadUserForUpdate(tx, userId);
  const invitation = await tx.db.invitation.findUnique({ where: key(tx, id) });
  if (!invitation || invitation.userId !== userId || invitation.sentCount !== Number(sentCount) || !await isOpen(tx, invitation)) return false;
  const now = tx.now();
  const { count } = await tx.db.invitation.updateMany({ where: { id, state: 'open', version: invitation.version }, data: { state: 'accepted', acceptedAt: now, version: invitation.version + 1, updatedAt: now } });
  if (count !== 1) return false;
  const after = fromRow(await tx.db.user.update({ where: key(tx, userId), data: { status: 'enabled', version: before.version + 1, updatedAt: now } }));
  await append(tx, invitationAccepted(invitation), userStatusChanged('enabled', before, after));
  await keepDynamicGroups(tx, [userId]);
  await announceUser(tx, userId);
  forgetUser(tx, after);
  return true;
}

async function isOpen(context: InstanceContext, { state, expiresAt, userId, email }: Invitation): Promise<boolean> {
  if (state !== 'open' || expiresAt <= context.now()) return false;
  const user = await context.db.user.findUnique({ where: key(context, userId), select: { status: true, email: true, recycledAt: true } });
  // Whoever was written to under an address is not whoever the account was given to since.
  return user?.status === 'pending' && user.recycledAt === null && user.email === email;
}

async function loadForUpdate(tx: InstanceContext, invitationId: string): Promise<Invitation> {
  // The user first, as everybody who changes users does: two of them cannot deadlock.
  const { userId } = await loadInvitation(tx, invitationId);
  await loadUserForUpdate(tx, userId).catch(() => { throw invitationNotFound(); });
  await rejectChangeOutsideLimit(tx, [userId], invitationNotFound);
  return loadInvitation(tx, invitationId);
}

function newLink(context: InstanceContext, hours: number) {
  const token = randomToken();
  return { token, tokenHash: sha256(token), expiresAt: new Date(context.now().getTime() + hours * hour) };
}

const urlOf = (context: InstanceContext, token: string) => `${context.instance.issuer}/invitation/${token}`;
