/**
 * Grants: what one application may do for one user within one session. Tokens live and die with their grant. A grant
 * is found through the session's participant row, whose lock makes parallel tabs share one grant instead of
 * invalidating each other's codes.
 */
import { randomToken } from '../../core/secrets.ts';
import { newId } from '../../core/ids.ts';
import { sessions } from '../../authentication/index.ts';
import { append } from '../../events/index.ts';
import type { Prisma } from '../../generated/prisma/client.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import { consentWithdrawn, grantRevoked } from './events.ts';

/** What a grant allows: OpenID Connect scopes, claims by name, and scopes by resource indicator. */
export interface Allowed {
  readonly scopes: readonly string[];
  readonly claims: readonly string[];
  readonly resources: Readonly<Record<string, readonly string[]>>;
}

interface GrantPayload {
  openid?: { scope?: string; claims?: string[] };
  resources?: Record<string, string>;
  [member: string]: unknown;
}

export interface SessionGrant {
  readonly sessionId: string;
  readonly userId: string;
  readonly applicationId: string;
  readonly clientId: string;
  readonly allowed: Allowed;
  readonly lifetimeSeconds: number;
}

/**
 * Makes the grant of an application in a session, or extends the one that is there. Undefined: the session has ended.
 * Returns the ids under which codes and tokens refer to both.
 */
export async function ensureGrant(context: InstanceContext, grant: SessionGrant): Promise<{ grantId: string; sid: string } | undefined> {
  return context.transaction(async (tx) => {
    const instanceId = tx.instance.id;
    // FOR SHARE: an end of the session waits and then finds this participant, or came first and is seen here.
    const live = await tx.db.$queryRaw<{ id: string }[]>`
      SELECT "id" FROM "Session" WHERE "instanceId" = ${instanceId} AND "id" = ${grant.sessionId} AND "endedAt" IS NULL FOR SHARE`;
    if (live.length === 0) return undefined;
    const [participant] = await tx.db.$queryRaw<{ sid: string; grantId: string | null }[]>`
      INSERT INTO "SessionParticipant" ("instanceId", "id", "sessionId", "applicationId", "protocol", "sid", "firstSeenAt")
      VALUES (${instanceId}, ${newId('part')}, ${grant.sessionId}, ${grant.applicationId}, 'oidc', ${randomToken()}, ${tx.now()})
      ON CONFLICT ("instanceId", "sessionId", "applicationId", "protocol") DO UPDATE SET "sid" = coalesce("SessionParticipant"."sid", excluded."sid")
      RETURNING "sid", "grantId"`;
    if (!participant) throw new Error('a participant row was neither made nor found');
    const existing = participant.grantId === null ? undefined : await readGrant(tx, participant.grantId);
    const grantId = existing && participant.grantId !== null ? participant.grantId : randomToken();
    const now = Math.floor(tx.now().getTime() / 1000);
    const payload: GrantPayload = {
      kind: 'Grant', iat: now, exp: now + grant.lifetimeSeconds, accountId: grant.userId, clientId: grant.clientId,
      ...mergeGrant(existing, grant.allowed),
    };
    const row = { payload: payload as Prisma.InputJsonObject, userId: grant.userId, applicationId: grant.applicationId, expiresAt: new Date((now + grant.lifetimeSeconds) * 1000) };
    await tx.db.oidcRecord.upsert({
      where: { instanceId_model_id: { instanceId, model: 'Grant', id: grantId } },
      create: { model: 'Grant', id: grantId, ...row }, update: row,
    });
    if (grantId !== participant.grantId) {
      await tx.db.sessionParticipant.updateMany({ where: { sessionId: grant.sessionId, applicationId: grant.applicationId, protocol: 'oidc' }, data: { grantId } });
    }
    return { grantId, sid: participant.sid };
  });
}

async function readGrant(tx: InstanceContext, grantId: string): Promise<GrantPayload | undefined> {
  const row = await tx.db.oidcRecord.findUnique({ where: { instanceId_model_id: { instanceId: tx.instance.id, model: 'Grant', id: grantId } } });
  return row && (!row.expiresAt || row.expiresAt > tx.now()) ? row.payload as GrantPayload : undefined;
}

function mergeGrant(existing: GrantPayload | undefined, allowed: Allowed): GrantPayload {
  const scopes = new Set([...words(existing?.openid?.scope), ...allowed.scopes]);
  const claims = new Set([...existing?.openid?.claims ?? [], ...allowed.claims]);
  const resources: Record<string, string> = { ...existing?.resources };
  for (const [resource, added] of Object.entries(allowed.resources)) {
    const all = new Set([...words(resources[resource]), ...added]);
    if (all.size > 0) resources[resource] = [...all].join(' ');
  }
  return {
    ...((scopes.size > 0 || claims.size > 0) && { openid: { ...(scopes.size > 0 && { scope: [...scopes].join(' ') }), ...(claims.size > 0 && { claims: [...claims] }) } }),
    ...(Object.keys(resources).length > 0 && { resources }),
  };
}

const words = (text: string | undefined): string[] => (text ?? '').split(' ').filter(Boolean);

export type RevocationReason = 'reuse' | 'revocation' | 'consent_withdrawn';

/** Deletes a grant and everything issued under it; what is issued meanwhile is worthless without it. One event. */
export async function revokeGrant(context: InstanceContext, grantId: string, reason: RevocationReason): Promise<void> {
  await context.transaction(async (tx) => {
    const removed = await tx.db.$queryRaw<{ model: string; userId: string | null; applicationId: string | null }[]>`
      DELETE FROM "OidcRecord" WHERE "instanceId" = ${tx.instance.id} AND ("grantId" = ${grantId} OR ("model" = 'Grant' AND "id" = ${grantId}))
      RETURNING "model", "userId", "applicationId"`;
    const grant = removed.find((row) => row.model === 'Grant');
    if (grant) await endSessionsOfPrograms(tx, grantId);
    if (grant) await append(tx, grantRevoked(grantId, { reason, userId: grant.userId, applicationId: grant.applicationId }));
  });
}

/** A sign-in that a program drew has no browser: its session lives as long as its grant. */
async function endSessionsOfPrograms(tx: InstanceContext, grantId: string): Promise<void> {
  const participants = await tx.db.sessionParticipant.findMany({ where: { grantId, protocol: 'oidc' }, select: { sessionId: true } });
  const ended = await tx.db.session.findMany({ where: { id: { in: participants.map(({ sessionId }) => sessionId) }, browserId: null, endedAt: null }, select: { id: true } });
  for (const { id } of ended) await sessions.end(tx, id, 'signed_out');
}

/** Forgets what a user allowed an application, and revokes all that was issued for it. False: there was nothing. */
export async function withdrawConsent(context: InstanceContext, userId: string, applicationId: string): Promise<boolean> {
  return context.transaction(async (tx) => {
    const { count } = await tx.db.consent.deleteMany({ where: { userId, applicationId } });
    const grants = await tx.db.oidcRecord.findMany({ where: { model: 'Grant', userId, applicationId }, select: { id: true } });
    for (const { id } of grants) await revokeGrant(tx, id, 'consent_withdrawn');
    if (count > 0) await append(tx, consentWithdrawn(userId, applicationId));
    return count > 0 || grants.length > 0;
  });
}
