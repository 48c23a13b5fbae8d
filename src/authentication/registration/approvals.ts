/** Accounts that wait for an administrator. They are there, and pending: nobody signs in with one. */
import { checkEntityTag } from '../../core/http/entity-tag.ts';
import { decodeCursor, pageFrom } from '../../core/http/paging.ts';
import { newId } from '../../core/ids.ts';
import { deleteUser, enableUser, loadUserForUpdate, rejectOutsideLimit, type User, userWithinLimit } from '../../directory/index.ts';
import { append } from '../../events/index.ts';
import { Prisma, type RegistrationRequest } from '../../generated/prisma/client.ts';
import { sendNotification, type TemplateName } from '../../notifications/index.ts';
import { key, type InstanceContext } from '../../tenancy/index.ts';
import { registrationDecided, registrationNotFound } from './errors.ts';
import { registrationApproved, registrationRefused, registrationWaits } from './events.ts';

/** In the transaction that made the account. */
export async function waitForApproval(tx: InstanceContext, user: User, locale: string | undefined): Promise<void> {
  const now = tx.now();
  const request = await tx.db.registrationRequest.create({ data: { id: newId('reg', now.getTime()), userId: user.id, locale: locale?.slice(0, 35) ?? null, createdAt: now, updatedAt: now } });
  await append(tx, registrationWaits(request));
  await tell(tx, user, request, 'registration_received', { displayName: user.displayName });
  for (const to of tx.instance.settings.registration.notify) {
    await sendNotification(tx, { template: 'registration_waiting', channel: 'email', to, whenLimited: 'drop', variables: { displayName: user.displayName } });
  }
}

/** @throws Problem 404, 409, 412 */
export function approveRegistration(context: InstanceContext, registrationId: string, ifMatch?: string): Promise<RegistrationRequest> {
  return context.transaction(async (tx) => {
    const { request, user } = await loadToDecide(tx, registrationId, ifMatch);
    await enableUser(tx, user.id);
    const after = await decide(tx, request, 'approved', null);
    await append(tx, registrationApproved(after));
    await tell(tx, user, request, 'registration_approved', { displayName: user.displayName, link: `${tx.instance.issuer}/` });
    return after;
  });
}

/** The account goes where deleted users go. @throws Problem 404, 409, 412 */
export function refuseRegistration(context: InstanceContext, registrationId: string, reason: string | undefined, ifMatch?: string): Promise<RegistrationRequest> {
  return context.transaction(async (tx) => {
    const { request, user } = await loadToDecide(tx, registrationId, ifMatch);
    const after = await decide(tx, request, 'refused', reason ?? null);
    await append(tx, registrationRefused(after, after.reason));
    await tell(tx, user, request, 'registration_rejected', { displayName: user.displayName, reason: reason ?? '' });
    await deleteUser(tx, user.id);
    return after;
  });
}

async function loadToDecide(tx: InstanceContext, registrationId: string, ifMatch: string | undefined): Promise<{ request: RegistrationRequest; user: User }> {
  // The user first, as everybody who changes users does: two of them cannot deadlock.
  const { userId } = await loadRegistration(tx, registrationId);
  const user = await loadUserForUpdate(tx, userId).catch(() => { throw registrationDecided(); });
  const request = await loadRegistration(tx, registrationId);
  checkEntityTag(ifMatch, request.version);
  if (request.state !== 'pending' || user.status !== 'pending') throw registrationDecided();
  return { request, user };
}

function decide(tx: InstanceContext, request: RegistrationRequest, state: 'approved' | 'refused', reason: string | null): Promise<RegistrationRequest> {
  const now = tx.now();
  const { principal } = tx;
  return tx.db.registrationRequest.update({ where: key(tx, request.id), data: {
    state, reason, decidedAt: now, updatedAt: now, version: request.version + 1, decidedBy: 'id' in principal ? principal.id ?? null : null } });
}

async function tell(tx: InstanceContext, user: User, { locale }: RegistrationRequest, template: TemplateName, variables: Record<string, string>): Promise<void> {
  if (user.email === null || !user.emailVerified) return;
  await sendNotification(tx, { template, channel: 'email', to: user.email, locale, whenLimited: 'drop', variables });
}

/** @throws Problem 404, also for whom a limited administrator may not see */
export async function loadRegistration(context: InstanceContext, registrationId: string): Promise<RegistrationRequest> {
  const request = await context.db.registrationRequest.findUnique({ where: key(context, registrationId) });
  if (!request) throw registrationNotFound();
  await rejectOutsideLimit(context, request.userId, registrationNotFound);
  return request;
}

/** The newest first. */
export async function listRegistrations(context: InstanceContext, { limit, cursor, state }: { limit: number; cursor?: string | undefined; state?: string | undefined }): Promise<{ items: RegistrationRequest[]; next: string | null }> {
  const scope = `${context.instance.id}\nregistrations\n${state ?? ''}`;
  const [before] = decodeCursor(context.core.keyring, scope, cursor) ?? [];
  const found = await context.db.$queryRaw<{ id: string }[]>`
    SELECT "request"."id" FROM "RegistrationRequest" AS "request" WHERE "request"."instanceId" = ${context.instance.id}
       AND ${state === undefined ? Prisma.sql`TRUE` : Prisma.sql`"request"."state" = ${state}`} AND ${userWithinLimit(context, Prisma.sql`"request"."userId"`)}
       AND ${before === undefined ? Prisma.sql`TRUE` : Prisma.sql`"request"."id" < ${String(before)}`} ORDER BY "request"."id" DESC LIMIT ${limit + 1}`;
  const page = pageFrom(context.core.keyring, scope, found, limit, ({ id }) => [id]);
  const rows = await context.db.registrationRequest.findMany({ where: { id: { in: page.items.map(({ id }) => id) } }, orderBy: { id: 'desc' } });
  return { items: rows, next: page.next };
}
