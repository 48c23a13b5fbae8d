/**
 * Access tokens at our own APIs (RFC 9068 §4). The instance is known before the token is looked at, and only its keys
 * are tried: a token never says with which key, algorithm or issuer it wants to be checked.
 */
import { decodeProtectedHeader, errors, jwtVerify } from 'jose';
import { type Application, findApplicationByClientId, findResourceServer, grantedScopes, isCalledFromHere } from '../applications/index.ts';
import { perCore } from '../core/core.ts';
import { isUserUsable } from '../directory/index.ts';
import { type InstanceContext, type Principal, rejectOutsideManagementZones, signingAlgorithms, verificationKey } from '../tenancy/index.ts';
import { mayOpenApplication } from './application-access/may-open.ts';
import { networkRefused, tokenRefused } from './errors.ts';
import { findKnownToken, rememberToken } from './known-tokens.ts';
import { findRights, type Rights } from './rights.ts';
import { isSessionLive } from './session-status.ts';

/** Our longest tokens are a tenth of it. */
const longestToken = 16_384;

/** Header parameters that name or carry keys (RFC 7515 §4.1), or change how the token is read. */
const refusedParameters = ['jku', 'jwk', 'x5u', 'x5c', 'x5t', 'x5t#S256', 'crit', 'b64', 'zip'];

export interface VerifiedToken {
  readonly subject: string;
  readonly clientId: string;
  readonly scopes: readonly string[];
  readonly sessionId: string | undefined;
  /** When the person last proved who they are, in seconds (RFC 9068 §2.2.1). */
  readonly authTime: number | undefined;
  /** RFC 9449 §6.1, RFC 8705 §3.1: what the token is bound to. */
  readonly confirmation: { readonly jkt?: string; readonly 'x5t#S256'?: string } | undefined;
}

/** Checks signature, type, issuer, audience and time. @throws Problem 401 */
export async function verifyAccessToken(context: InstanceContext, token: string, audience: string): Promise<VerifiedToken> {
  if (token.length > longestToken) throw tokenRefused('longer than any of ours');
  const known = findKnownToken(context, token, audience);
  if (known && await verificationKey(context, known.keyId, known.algorithm) === known.key) return known.verified;
  try {
    const header = decodeProtectedHeader(token);
    const algorithm = signingAlgorithms.find((candidate) => candidate === header.alg);
    const strange = refusedParameters.find((name) => Object.hasOwn(header, name));
    if (!algorithm || typeof header.kid !== 'string' || strange) throw tokenRefused(strange ? `its header has ${strange}` : 'no algorithm or key of ours');
    const key = await verificationKey(context, header.kid, algorithm);
    if (!key) throw tokenRefused('no key of this instance');
    const { payload } = await jwtVerify(token, key, {
      algorithms: [algorithm], typ: 'at+jwt', issuer: context.instance.issuer, currentDate: context.now(),
      requiredClaims: ['iss', 'sub', 'aud', 'exp', 'iat', 'jti', 'client_id'],
    });
    // One audience: a token for several APIs could be replayed by each of them at the others.
    if (payload.aud !== audience && !(Array.isArray(payload.aud) && payload.aud.length === 1 && payload.aud[0] === audience)) throw tokenRefused('meant for another API');
    const { sub, client_id: clientId, scope, sid, cnf, auth_time: authTime } = payload;
    if (typeof sub !== 'string' || typeof clientId !== 'string') throw tokenRefused('its claims are not of their types');
    const verified: VerifiedToken = {
      subject: sub, clientId,
      scopes: typeof scope === 'string' ? scope.split(' ').filter(Boolean) : [],
      sessionId: typeof sid === 'string' ? sid : undefined,
      authTime: typeof authTime === 'number' ? authTime : undefined,
      confirmation: typeof cnf === 'object' && cnf !== null ? cnf as VerifiedToken['confirmation'] : undefined,
    };
    rememberToken(context, token, {
      verified, audience, instanceId: context.instance.id, issuer: context.instance.issuer, keyId: header.kid, algorithm, key,
      expiresAt: payload.exp ?? 0, notBefore: payload.nbf ?? 0,
    });
    return verified;
  } catch (error) {
    if (error instanceof errors.JOSEError || error instanceof TypeError) throw tokenRefused(error.message);
    throw error;
  }
}

/**
 * Who the token speaks for, if that may still act: its application is enabled, its user usable, its session not ended.
 * Of its scopes count those that the application still has at this API: a right that is taken away ends now and not with
 * the token. Asked at every request, answered from memory; true of other servers' changes within a second.
 * @throws Problem 401; 403 from a network that the instance or the application is not used from
 */
export async function loadPrincipal(context: InstanceContext, token: VerifiedToken, audience: string): Promise<{ principal: Principal; application: Application; rights?: Rights }> {
  const application = await findApplicationByClientId(context, token.clientId);
  if (!application?.enabled) throw tokenRefused('its application is disabled or gone');
  await rejectOutsideManagementZones(context);
  const scopes = await scopesStillGranted(context, application, token, audience);
  // client_credentials (RFC 9068 §2.2): the subject is the client. Asked first: a client named like a user's id stays a client.
  if (token.subject === token.clientId) {
    if (!await isCalledFromHere(context, application.id)) throw networkRefused();
    return { application, principal: { kind: 'application', id: application.id, scopes } };
  }
  if (!await isUserUsable(context, token.subject)) throw tokenRefused('its user may not act, or is gone');
  if (!await mayOpenApplication(context, application.id, token.subject)) throw tokenRefused('its application is not assigned to its user');
  if (token.sessionId !== undefined && !await isSessionLive(context, token.sessionId, token.subject)) throw tokenRefused('its session has ended');
  const rights = await findRights(context, token.subject);
  return {
    application, rights,
    principal: {
      kind: 'user', id: token.subject, applicationId: application.id, scopes, permissions: rights.everywhere, ...(token.sessionId !== undefined && { sessionId: token.sessionId }),
    },
  };
}

async function scopesStillGranted(context: InstanceContext, application: Application, token: VerifiedToken, audience: string): Promise<readonly string[]> {
  const api = await findResourceServer(context, audience);
  if (!api) return [];
  const granted = await grantedScopes(context, application.id, api);
  const remaining = remainingOf(context.core);
  const known = remaining.get(token);
  if (known?.granted === granted) return known.scopes;
  const scopes = token.scopes.filter((scope) => granted.includes(scope));
  remaining.set(token, { granted, scopes });
  return scopes;
}

/** Worked out once for a token and what its application has now. */
const remainingOf = perCore(() => new WeakMap<VerifiedToken, { readonly granted: readonly string[]; readonly scopes: readonly string[] }>());
