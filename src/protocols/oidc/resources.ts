/** Resource indicators (RFC 8707): which APIs an application may get tokens for, and how those tokens look (RFC 9068). */
import type { KoaContextWithOIDC, ResourceServer } from 'oidc-provider';
import { type Application, findResourceServer, grantedScopes, listResourceGrants, type ResourceServer as Api } from '../../applications/index.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import { applicationOf, type Client } from './clients.ts';
import { errors } from './library.ts';
import { limitApplication } from './rate-limit.ts';
import { contextOf } from './request-context.ts';

const isMachineRequest = (ctx: KoaContextWithOIDC) => ctx.oidc.params?.['grant_type'] === 'client_credentials';

/** The endpoints whose first question after the client's authentication is the resource. */
const limitedHere = new Set(['pushed_authorization_request', 'device_authorization']);

/**
 * What `resource` means when it is not sent. A machine that names none asks for the management API of its instance
 * where it was granted that, else for the one API that it was granted. Of several granted to a user's token: none.
 */
export async function defaultResource(ctx: KoaContextWithOIDC, client: Client, oneOf?: readonly string[]): Promise<string | string[] | undefined> {
  if (limitedHere.has(ctx.oidc.route)) await limitApplication(ctx);
  if (oneOf !== undefined) return [...oneOf];
  if (!isMachineRequest(ctx)) return undefined;
  const context = contextOf(ctx);
  const resource = await defaultApi(context, applicationOf(client));
  if (resource) return resource.identifier;
  // Scopes mean nothing without an API that knows them: a token must not carry words that nobody granted.
  if (ctx.oidc.params?.['scope'] !== undefined) throw new errors.InvalidScope('requested scope is not granted to this client', String(ctx.oidc.params['scope']));
  return undefined;
}

/** Kept as long as the application cache keeps its application: it makes a new one when grants change. */
const defaultApis = new WeakMap<Application, Promise<Api | undefined>>();

function defaultApi(context: InstanceContext, application: Application): Promise<Api | undefined> {
  let found = defaultApis.get(application);
  if (!found) {
    found = findDefaultApi(context, application);
    defaultApis.set(application, found);
    found.catch(() => defaultApis.delete(application));
  }
  return found;
}

async function findDefaultApi(context: InstanceContext, application: Application): Promise<Api | undefined> {
  const granted = (await listResourceGrants(context, application.id)).filter(({ scopes }) => scopes.length > 0).map(({ resourceServer }) => resourceServer);
  const management = granted.find((server) => server.identifier === `${context.instance.issuer}/api/v1`);
  return management ?? (granted.length === 1 ? granted[0] : undefined);
}

/** How tokens for a resource look. @throws InvalidTarget for an unknown one, or one that the application was not granted */
export async function getResourceServerInfo(ctx: KoaContextWithOIDC, identifier: string, client: Client): Promise<ResourceServer> {
  if (limitedHere.has(ctx.oidc.route) && ctx.oidc.params?.['resource'] !== undefined) await limitApplication(ctx);
  const context = contextOf(ctx);
  const application = applicationOf(client);
  const server = /^[\x21-\x7e]{1,2000}$/.test(identifier) ? await findResourceServer(context, identifier) : undefined;
  const granted = server ? await grantedScopes(context, application.id, server) : [];
  if (!server || granted.length === 0) throw new errors.InvalidTarget();
  // Like the one in mount.ts: requests that are answered by a signature meet here once more and go on together, which
  // measured 5,374 → 6,882 ES256 tokens a second. Where a row is written the coalescer is that barrier.
  if (server.tokenFormat === 'jwt') await new Promise(setImmediate);
  if (isMachineRequest(ctx)) applyMachineScope(ctx, granted);
  return {
    scope: granted.join(' '),
    audience: server.identifier,
    accessTokenTTL: application.settings.accessTokenSeconds ?? server.accessTokenSeconds,
    accessTokenFormat: server.tokenFormat,
    ...(server.tokenFormat === 'jwt' && { jwt: { sign: { alg: server.signingAlgorithm } } }),
  };
}

/** A machine gets what it asked for or nothing (RFC 6749 §3.3), and all that it was granted when it did not say. */
function applyMachineScope(ctx: KoaContextWithOIDC, granted: readonly string[]): void {
  const { params } = ctx.oidc;
  if (!params) return;
  if (typeof params['scope'] !== 'string') {
    if (granted.length > 0) params['scope'] = granted.join(' ');
    return;
  }
  const missing = params['scope'].split(' ').filter((scope) => !granted.includes(scope));
  if (missing.length > 0) throw new errors.InvalidScope('requested scope is not granted to this client', missing.join(' '));
}

/** A granted resource stays the one of a refresh or code exchange that names none. */
export async function useGrantedResource(): Promise<boolean> {
  return true;
}
