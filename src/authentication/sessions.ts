/** Sessions: their tokens, the applications that take part, and their end. They are made in flow/complete.ts only. */
import { newId } from '../core/ids.ts';
import type { JobData } from '../core/jobs.ts';
import { randomToken, sha256 } from '../core/secrets.ts';
import { append } from '../events/index.ts';
import { Prisma } from '../generated/prisma/client.ts';
import { key, type InstanceContext } from '../tenancy/index.ts';
import { sessionEnded } from './events.ts';

export type EndReason = 'signed_out' | 'other_account' | 'administrator' | 'password_changed' | 'user_disabled' | 'user_deleted' | 'expired';

/** The job that tells a participant of the end: a `LogoutNotice`. */
export const logoutJob = 'logout.oidc';

/** Holds all that the notice says, as the session's rows go with a deleted user. */
export interface LogoutNotice extends JobData {
  readonly participantId: string;
  readonly sessionId: string;
  readonly applicationId: string;
  readonly userId: string;
  readonly sid: string | null;
}

/**
 * Ends a session in one transaction: its grants without offline_access are revoked, and every participant's notice is a
 * job. False: it had ended already, or is none of this instance. No signal is sent (core/signals.ts: not for sessions):
 * who asks for a session reads its row.
 */
export async function end(context: InstanceContext, sessionId: string, reason: EndReason): Promise<boolean> {
  return context.transaction(async (tx) => await endLocked(tx, [sessionId], reason) === 1);
}

/** Ends all live sessions of a user, except the one acting. Returns how many. */
export async function endAllOfUser(context: InstanceContext, userId: string, reason: EndReason, exceptSessionId?: string): Promise<number> {
  return context.transaction(async (tx) => {
    // In one order, so that two who end the same sessions cannot deadlock.
    const live = await tx.db.$queryRaw<{ id: string }[]>`
      SELECT id FROM "Session"
       WHERE "instanceId" = ${tx.instance.id} AND "userId" = ${userId} AND "endedAt" IS NULL AND id <> ${exceptSessionId ?? ''} ORDER BY id FOR UPDATE`;
    return endLocked(tx, live.map(({ id }) => id), reason);
  });
}

/** A few statements, however many sessions: who has thousands must not be harder to lock out for it. */
async function endLocked(tx: InstanceContext, sessionIds: string[], reason: EndReason): Promise<number> {
  const ended = await tx.db.session.updateManyAndReturn({
    where: { id: { in: sessionIds }, endedAt: null }, data: { endedAt: tx.now(), endReason: reason }, select: { id: true, userId: true } });
  if (ended.length === 0) return 0;
  const users = new Map(ended.map(({ id, userId }) => [id, userId]));
  const ofEnded = { sessionId: { in: [...users.keys()] } };
  const participants = await tx.db.sessionParticipant.findMany({ where: ofEnded });
  await revokeGrants(tx, participants.flatMap(({ grantId }) => grantId ?? []));
  await tx.db.sessionParticipant.updateMany({ where: { ...ofEnded, protocol: 'oidc' }, data: { logoutState: 'pending' } });
  await tx.core.jobs.enqueueAll(tx.db, logoutJob, participants.filter(({ protocol }) => protocol === 'oidc').map(({ id, sessionId, applicationId, sid }): LogoutNotice => (
    { instanceId: tx.instance.id, participantId: id, sessionId, applicationId, userId: users.get(sessionId) ?? '', sid })));
  await append(tx, ...ended.map((session) => sessionEnded(session, reason)));
  return ended.length;
}

/** Deletes what was granted for this session only: with offline_access a grant outlives it (OpenID Connect Core §11). */
async function revokeGrants(tx: InstanceContext, grantIds: string[]): Promise<void> {
  if (grantIds.length === 0) return;
  await tx.db.$executeRaw`
    DELETE FROM "OidcRecord" r
     WHERE r."instanceId" = ${tx.instance.id}
       AND (r."grantId" = ANY(${grantIds}) OR (r.model = 'Grant' AND r.id = ANY(${grantIds})))
       AND NOT EXISTS (
         SELECT 1 FROM "OidcRecord" g
          WHERE g."instanceId" = r."instanceId" AND g.model = 'Grant' AND g.id = CASE WHEN r.model = 'Grant' THEN r.id ELSE r."grantId" END
            AND 'offline_access' = ANY(string_to_array(g.payload->'openid'->>'scope', ' ')))`;
}

/** Deletes all that was granted in the sessions of a user who goes, also what would outlive them. */
export async function revokeAllOfUser(tx: InstanceContext, userId: string): Promise<void> {
  await tx.db.$executeRaw`
    WITH granted AS (
      SELECT p."grantId" FROM "SessionParticipant" p
        JOIN "Session" s ON s."instanceId" = p."instanceId" AND s.id = p."sessionId"
       WHERE p."instanceId" = ${tx.instance.id} AND s."userId" = ${userId} AND p."grantId" IS NOT NULL)
    DELETE FROM "OidcRecord" r
     WHERE r."instanceId" = ${tx.instance.id}
       AND (r."grantId" IN (SELECT "grantId" FROM granted) OR (r.model = 'Grant' AND r.id IN (SELECT "grantId" FROM granted)))`;
}

export interface NewParticipant {
  sessionId: string;
  applicationId: string;
  protocol: 'oidc' | 'saml';
  sid?: string | undefined;
  grantId?: string | undefined;
}

/** Notes that an application takes part. One row per session, application and protocol, however many requests race. */
export async function addParticipant(context: InstanceContext, participant: NewParticipant): Promise<void> {
  const { sessionId, applicationId, protocol, sid = null, grantId = null } = participant;
  await context.db.$executeRaw`
    INSERT INTO "SessionParticipant" ("instanceId", id, "sessionId", "applicationId", protocol, sid, "grantId", "firstSeenAt")
    VALUES (${context.instance.id}, ${newId('part')}, ${sessionId}, ${applicationId}, ${protocol}, ${sid}, ${grantId}, ${context.now()})
    ON CONFLICT ("instanceId", "sessionId", "applicationId", protocol) DO UPDATE
       SET sid = COALESCE(EXCLUDED.sid, "SessionParticipant".sid), "grantId" = COALESCE(EXCLUDED."grantId", "SessionParticipant"."grantId")
     WHERE (EXCLUDED.sid IS NOT NULL AND EXCLUDED.sid IS DISTINCT FROM "SessionParticipant".sid)
        OR (EXCLUDED."grantId" IS NOT NULL AND EXCLUDED."grantId" IS DISTINCT FROM "SessionParticipant"."grantId")`;
}

/** A further token of a session; returns the cookie's value. Several may be live, so that tabs do not sign each other out. */
export async function issueToken(context: InstanceContext, sessionId: string): Promise<string> {
  const token = randomToken();
  await addToken(context, sessionId, token);
  return token;
}

/** The same for a token that the provider made up. Nothing happens when the session has it already. */
export async function addToken(context: InstanceContext, sessionId: string, sessionToken: string): Promise<void> {
  await context.db.sessionToken.createMany({
    data: [{ hash: sha256(sessionToken), sessionId, createdAt: context.now() }], skipDuplicates: true });
}

/** From now on the token works only for the requests already under way (30 s). */
export async function retireToken(context: InstanceContext, sessionToken: string): Promise<void> {
  await context.db.sessionToken.updateMany({ where: { hash: sha256(sessionToken), retiredAt: null }, data: { retiredAt: context.now() } });
}

/** Keeps what the provider notes beside an account, such as a logout under way. */
export async function setProtocolState(context: InstanceContext, sessionId: string, state: object | null): Promise<void> {
  await context.db.session.updateMany({
    where: { id: sessionId, endedAt: null }, data: { protocolState: state === null ? Prisma.DbNull : state as Prisma.InputJsonObject } });
}

/** Whether the session has this id and is not ended; for a row that is about to refer to it. */
export async function isLive(context: InstanceContext, sessionId: string): Promise<boolean> {
  const session = await context.db.session.findUnique({ where: key(context, sessionId), select: { endedAt: true } });
  return session !== null && session.endedAt === null;
}
