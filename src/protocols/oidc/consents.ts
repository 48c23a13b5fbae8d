/** Finds or makes the grant of an authorization: from the flow's answer, from an earlier consent, or first-party. */
import type { KoaContextWithOIDC } from 'oidc-provider';
import type Provider from 'oidc-provider';
import type { InstanceContext } from '../../tenancy/index.ts';
import { requestApplication } from './clients.ts';
import { type Allowed, ensureGrant } from './grants.ts';
import { contextOf } from './request-context.ts';
import { sessionViewOf } from './session-adapter.ts';
import { grantSeconds } from './tokens.ts';

type Grant = InstanceType<Provider['Grant']>;

/** Returns the grant that covers the request as far as it was allowed; undefined when nothing was. */
export async function loadExistingGrant(ctx: KoaContextWithOIDC): Promise<Grant | undefined> {
  const { oidc } = ctx;
  const view = sessionViewOf(ctx);
  const { client, session } = oidc;
  if (!view || !client || !session) return undefined;
  const context = contextOf(ctx);
  const application = requestApplication(ctx);
  const requested = requestedBy(ctx);
  const grantId = session.grantIdFor(client.clientId);
  const existing = grantId === undefined ? undefined : await oidc.provider.Grant.find(grantId);
  if (existing && covers(existing, requested)) return existing;
  const allowed = application.firstParty ? requested : common(requested, await consented(ctx, context, view.userId, application.id));
  if (isEmpty(allowed)) return existing;
  const made = await ensureGrant(context, {
    sessionId: view.id, userId: view.userId, applicationId: application.id, clientId: client.clientId, allowed, lifetimeSeconds: grantSeconds,
  });
  if (!made) return existing;
  session.sidFor(client.clientId, made.sid);
  return oidc.provider.Grant.find(made.grantId);
}

/** Claims about the sign-in itself: nothing to allow. */
const protocolClaims = new Set(['sub', 'sid', 'auth_time', 'acr', 'amr', 'iss']);

/** What the request asks for, as far as it needs to be allowed. */
export function requestedBy(ctx: KoaContextWithOIDC): Allowed {
  const { oidc } = ctx;
  return {
    scopes: [...oidc.requestParamOIDCScopes],
    claims: [...oidc.requestParamClaims].filter((claim) => !protocolClaims.has(claim)),
    resources: Object.fromEntries(Object.entries(oidc.resourceServers ?? {}).map(
      ([identifier, server]) => [identifier, [...oidc.requestParamScopes].filter((scope) => server.scopes.has(scope))])),
  };
}

function covers(grant: Grant, requested: Allowed): boolean {
  const scopes = grant.getOIDCScope().split(' ');
  const claims = grant.getOIDCClaims();
  return requested.scopes.every((scope) => scopes.includes(scope))
    && requested.claims.every((claim) => claims.includes(claim))
    && Object.entries(requested.resources).every(([identifier, wanted]) => {
      const granted = grant.getResourceScope(identifier).split(' ');
      return wanted.every((scope) => granted.includes(scope));
    });
}

/** What the person allowed in this flow, or once before. */
async function consented(ctx: KoaContextWithOIDC, context: InstanceContext, userId: string, applicationId: string): Promise<Allowed> {
  const now = ctx.oidc.result?.consent as Partial<Allowed> | undefined;
  const before = await context.db.consent.findUnique({
    where: { instanceId_userId_applicationId: { instanceId: context.instance.id, userId, applicationId } } });
  const resources = (before?.resources ?? {}) as Record<string, string[]>;
  const merged: Record<string, string[]> = { ...resources };
  for (const [identifier, scopes] of Object.entries(now?.resources ?? {})) merged[identifier] = [...merged[identifier] ?? [], ...scopes];
  return {
    scopes: [...now?.scopes ?? [], ...before?.scopes ?? []],
    claims: [...now?.claims ?? [], ...before?.claims ?? []],
    resources: merged,
  };
}

function common(requested: Allowed, allowed: Allowed): Allowed {
  return {
    scopes: requested.scopes.filter((scope) => allowed.scopes.includes(scope)),
    claims: requested.claims.filter((claim) => allowed.claims.includes(claim)),
    resources: Object.fromEntries(Object.entries(requested.resources).map(
      ([identifier, scopes]) => [identifier, scopes.filter((scope) => allowed.resources[identifier]?.includes(scope))])),
  };
}

const isEmpty = (allowed: Allowed): boolean =>
  allowed.scopes.length === 0 && allowed.claims.length === 0 && Object.values(allowed.resources).every((scopes) => scopes.length === 0);
