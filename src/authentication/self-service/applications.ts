/** The applications that a person may open, and what they allowed each of them. */
import { decideAccess } from '../../access/index.ts';
import { findApplication, isOpenFromHere, listApplications } from '../../applications/index.ts';
import { append } from '../../events/index.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import { isAssigned } from '../assignments.ts';
import type { Account } from './account.ts';
import { consentWithdrawn } from './events.ts';
import type { Changed } from './security.ts';

export interface OpenApplication { readonly id: string; readonly name: string; readonly url: string }
export interface GivenConsent { readonly applicationId: string; readonly name: string; readonly scopes: readonly string[]; readonly since: Date }

/** A person sees so many; who has more looks for them elsewhere. */
const mostShown = 200;
const mostAsked = 2_000;

/** With an address to open, assigned, open from here, and not denied by a policy: what a click would be let into. */
export async function viewOwnApplications({ context, user, session }: Account): Promise<OpenApplication[]> {
  const shown: OpenApplication[] = [];
  let cursor: string | undefined;
  for (let asked = 0; asked < mostAsked && shown.length < mostShown; asked += 200) {
    const page = await listApplications(context, { enabled: 'true', limit: 200, cursor });
    for (const application of page.items) {
      const { homepageUri } = application;
      if (homepageUri === null || application.builtIn || !await isAssigned(context, application.id, user.id) || !await isOpenFromHere(context, application.id)) continue;
      if ((await decideAccess(context, { userId: user.id, application, session })).decision !== 'deny') shown.push({ id: application.id, name: application.name, url: homepageUri });
    }
    if (page.next === null) break;
    cursor = page.next;
  }
  return shown.slice(0, mostShown).sort((left, right) => left.name.localeCompare(right.name));
}

export async function listConsents({ context, user }: Pick<Account, 'context' | 'user'>): Promise<GivenConsent[]> {
  const rows = await context.db.consent.findMany({ where: { userId: user.id }, orderBy: { createdAt: 'desc' }, take: mostShown });
  return Promise.all(rows.map(async (row) => ({
    applicationId: row.applicationId, name: (await findApplication(context, row.applicationId))?.name ?? row.applicationId, scopes: row.scopes, since: row.createdAt })));
}

/** Takes back what was allowed, with the tokens that came of it: the application has to ask again. */
export function withdrawConsent({ context, user }: Account, applicationId: string): Promise<Changed> {
  return context.transaction(async (tx) => {
    const consent = await tx.db.consent.findFirst({ where: { userId: user.id, applicationId } });
    if (!consent) return 'gone';
    await tx.db.consent.deleteMany({ where: { userId: user.id, applicationId } });
    await revokeGrantsOf(tx, user.id, applicationId);
    await append(tx, consentWithdrawn(user.id, applicationId, { scopes: consent.scopes, claims: consent.claims, resources: consent.resources }));
    return 'done';
  });
}

/** Also what would outlive its session (offline_access). */
async function revokeGrantsOf(tx: InstanceContext, userId: string, applicationId: string): Promise<void> {
  await tx.db.$executeRaw`
    WITH granted AS (
      SELECT p."grantId" FROM "SessionParticipant" p
        JOIN "Session" s ON s."instanceId" = p."instanceId" AND s.id = p."sessionId"
       WHERE p."instanceId" = ${tx.instance.id} AND s."userId" = ${userId} AND p."applicationId" = ${applicationId} AND p."grantId" IS NOT NULL)
    DELETE FROM "OidcRecord" r
     WHERE r."instanceId" = ${tx.instance.id}
       AND (r."grantId" IN (SELECT "grantId" FROM granted) OR (r.model = 'Grant' AND r.id IN (SELECT "grantId" FROM granted)))`;
}
