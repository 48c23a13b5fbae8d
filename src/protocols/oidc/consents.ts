/** Finds or makes the grant of an authorization: what was allowed in this flow, before, or needs no asking. */
import type { KoaContextWithOIDC } from 'oidc-provider';
import type Provider from 'oidc-provider';
import { consentWithoutAsking, type GrantedConsent } from '../../authentication/index.ts';
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
  const allowed = answeredConsent(ctx)
    ?? await consentWithoutAsking(context, view.userId, application.id, { ...requested, prompt: [...oidc.prompts] });
  if (!allowed) return existing;
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

/** The answer of the flow that this request was resumed from; only our own flow origin writes it. */
function answeredConsent(ctx: KoaContextWithOIDC): GrantedConsent | undefined {
  const consent = ctx.oidc.result?.consent as Partial<GrantedConsent> | undefined;
  return consent?.scopes && { scopes: consent.scopes, claims: consent.claims ?? [], resources: consent.resources ?? {} };
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
