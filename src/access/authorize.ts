/**
 * Lets a request to a route when its declaration (core/http/access.ts) is met. The credential of our APIs is the
 * Authorization header alone: a cookie is never read here, so no page can act with its visitor's authority.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Core } from '../core/core.ts';
import { Problem } from '../core/errors.ts';
import type { RouteAccess } from '../core/http/access.ts';
import { rateLimitHeaders } from '../core/rate-limit.ts';
import { countUse, firstInstanceId, hasInstanceContext, instanceContext, type InstanceContext, type Principal, withPrincipal } from '../tenancy/index.ts';
import { loadPrincipal, verifyAccessToken, type VerifiedToken } from './bearer.ts';
import { checkContentType } from './content-type.ts';
import { checkDpopProof } from './dpop-proof.ts';
import { authenticationTooOld, permissionLimited, permissionMissing, scopeMissing, tokenMissing, tokenRefused } from './errors.ts';
import { replayPosts } from './idempotency.ts';
import { noteDeclaredPermissions } from './permissions.ts';
import { rateLimited, takeForAddress, takeForApplication } from './rate-limit.ts';
import { placesOfPermission, type Rights } from './rights.ts';
import { hasPermission } from './roles.ts';
import { managementAudience, platformAudience } from './scopes.ts';

type AdmittingAccess = Extract<RouteAccess, { credential: 'bearer' | 'platform' }>;
type Person = Extract<Principal, { kind: 'user' }>;

/** Call it with the root, after `instanceScope`: from here on routes with a bearer credential know who acts. */
export async function authorize(app: FastifyInstance, { core }: { core: Core }): Promise<void> {
  noteDeclaredPermissions(app, core);
  app.addHook('onRequest', async (request, reply) => {
    const { access } = request.routeOptions.config;
    switch (access?.credential) {
      case 'bearer':
        checkContentType(request);
        return admit(request, reply, access, request.instanceContext, managementAudience(request.instanceContext.instance.issuer));
      case 'platform':
        checkContentType(request);
        return admit(request, reply, access, await platformContext(core, request), platformAudience(core.config.consoleUrl));
      case 'flow':
        return checkContentType(request);   // who calls is found out, and limited, by the flow (authentication/api/caller.ts)
      case 'none': case 'page':
        return hasInstanceContext(request) ? limitAddress(request.instanceContext) : undefined;
      case 'protocol': case 'operator': case undefined:   // the protocol limits whom it has authenticated; probes are not limited
    }
  });
  replayPosts(app, { core });
}

async function admit(request: FastifyRequest, reply: FastifyReply, access: AdmittingAccess, context: InstanceContext, audience: string): Promise<void> {
  const { principal, application, rights, authTime } = await authenticate(request, context, audience).catch(async (error: unknown) => {
    // Whoever has no valid token is limited by address: guessing and flooding cost the same bucket.
    if (error instanceof Problem && error.status === 401) await limitAddress(context);
    throw error;
  });
  const decision = await takeForApplication(context, application);
  if (!decision.allowed) throw rateLimited(decision);
  reply.headers(rateLimitHeaders(decision));
  if ('scopes' in principal && !principal.scopes.includes(access.scope) && !isAboutItself(principal, access)) throw scopeMissing(access.scope);
  if (principal.kind === 'user' && access.credential === 'bearer' && access.sensitive) checkFreshness(context, authTime);
  // An application's permissions are its scopes; a person needs to be an administrator besides.
  request.instanceContext = withPrincipal(context, principal.kind === 'user' ? limitPerson(principal, access, rights) : principal);
  // Not those of the platform: whoever gives plans is not stopped by one.
  if (access.credential === 'bearer') await countUse(context, 'apiCalls');
}

/** A token that does not say when its person signed in is as old as can be. @throws Problem 401 (RFC 9470) */
function checkFreshness(context: InstanceContext, authTime: number | undefined): void {
  const { sensitiveApiSeconds } = context.instance.settings.secondFactor;
  if (sensitiveApiSeconds === 0) return;
  if (authTime === undefined || context.now().getTime() / 1_000 - authTime > sensitiveApiSeconds) throw authenticationTooOld(sensitiveApiSeconds);
}

/** An application that asks about nothing but itself, where the route keeps to that. */
function isAboutItself(principal: Principal, access: AdmittingAccess): boolean {
  return principal.kind === 'application' && access.credential === 'bearer' && access.ownScope !== undefined && principal.scopes.includes(access.ownScope);
}

/** The person as the route sees them: with the parts of the tree in which they may do this, where it is not all. */
function limitPerson(person: Person, access: AdmittingAccess, rights: Rights | undefined): Person {
  // The platform belongs to owners.
  if (access.credential === 'platform') {
    if (!hasPermission(person.permissions, '*')) throw permissionMissing('of an owner');
    return person;
  }
  const places = rights && placesOfPermission(rights, access.permission);
  if (places === 'everywhere') return person;
  if (places === undefined) throw permissionMissing(access.permission);
  if (access.limit === undefined) throw permissionLimited(access.permission);
  return { ...person, limit: { organizationalUnitPaths: places } };
}

async function authenticate(request: FastifyRequest, context: InstanceContext, audience: string) {
  const { scheme, token } = readAuthorization(request);
  const verified = await verifyAccessToken(context, token, audience);
  await checkPossession(request, context, { scheme, token, verified });
  return { ...await loadPrincipal(context, verified, audience), authTime: verified.authTime };
}

/** The header, once, in one of two schemes (RFC 6750 §2.1, RFC 9449 §7.1); never the query or the body. */
function readAuthorization(request: FastifyRequest): { scheme: 'bearer' | 'dpop'; token: string } {
  const lines = request.raw.headersDistinct['authorization'] ?? [];
  const [, scheme, token] = /^(bearer|dpop) +([\w.~+/-]+=*)$/i.exec(lines[0] ?? '') ?? [];
  if (lines.length !== 1 || !scheme || !token) throw tokenMissing();
  return { scheme: scheme.toLowerCase() === 'dpop' ? 'dpop' : 'bearer', token };
}

/** A bound token needs its proof, and a proof needs a bound token: neither is taken as the weaker kind (RFC 9449 §7.2). */
async function checkPossession(request: FastifyRequest, context: InstanceContext, { scheme, token, verified }: { scheme: 'bearer' | 'dpop'; token: string; verified: VerifiedToken }): Promise<void> {
  const { confirmation } = verified;
  if (confirmation?.['x5t#S256'] !== undefined) throw tokenRefused('bound to a client certificate, which this API does not see');
  if (confirmation === undefined && scheme === 'bearer') return;
  if (scheme !== 'dpop' || confirmation?.jkt === undefined) throw tokenRefused(scheme === 'dpop' ? 'not bound to a key' : 'bound to a key, but sent without proof');
  const proofs = request.raw.headersDistinct['dpop'] ?? [];
  await checkDpopProof(context, proofs.length === 1 ? proofs[0] : undefined, {
    accessToken: token, thumbprint: confirmation.jkt, method: request.method, url: publicAddress(request, context),
  });
}

/** The address that the client called, from configuration and path, never from the Host header. */
function publicAddress(request: FastifyRequest, context: InstanceContext): string {
  const path = request.url.split('?', 1)[0] ?? '';
  const prefix = `/t/${context.instance.id}`;
  return path.startsWith(`${prefix}/`) ? context.instance.issuer + path.slice(prefix.length) : context.core.config.consoleUrl + path;
}

async function limitAddress(context: InstanceContext): Promise<void> {
  const decision = await takeForAddress(context);
  if (!decision.allowed) throw rateLimited(decision);
}

async function platformContext(core: Core, request: FastifyRequest): Promise<InstanceContext> {
  const context = await instanceContext(core, firstInstanceId, { requestId: request.id, address: request.ip, userAgent: request.headers['user-agent'] });
  if (!context) throw tokenRefused('there is no first instance yet');
  return context;
}
