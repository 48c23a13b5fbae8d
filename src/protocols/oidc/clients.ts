/**
 * OAuth clients are our applications. The provider's own lookup hashes the whole metadata at every request and keeps
 * 100 clients at most; ours asks the application cache and keeps a client as long as that keeps its application.
 */
import type Provider from 'oidc-provider';
import type { AllClientMetadata } from 'oidc-provider';
import { type Application, findApplicationByClientId, isRegisteredRedirectUri, matchesClientSecret, openClientSecrets } from '../../applications/index.ts';
import { randomToken } from '../../core/secrets.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import { oidcScopes } from './scopes.ts';
import { currentContext } from './request-context.ts';

/** The provider's class of clients is made per provider and not exported by name. */
export type Client = InstanceType<Provider['Client']>;

const applications = new WeakMap<Client, Application>();

/** The application behind a client that our lookup returned. */
export function applicationOf(client: Client): Application {
  const application = applications.get(client);
  if (!application) throw new Error(`the client ${client.clientId} has no application`);
  return application;
}

/** Replaces the lookup of clients and the comparison of their secrets. */
export function useApplicationsAsClients(provider: Provider, instance: InstanceContext): void {
  const { Client } = provider;
  const clients = new WeakMap<Application, Promise<Client>>();

  Client.find = async (clientId: string): Promise<Client | undefined> => {
    // Longer or stranger than any client_id: not worth a lookup.
    if (typeof clientId !== 'string' || !/^[\x21-\x7e]{1,200}$/.test(clientId)) return undefined;
    const context = currentContext(instance);
    const application = await findApplicationByClientId(context, clientId);
    if (!application?.enabled || application.protocol !== 'oidc') return undefined;
    let client = clients.get(application);
    if (!client) {
      client = createClient(provider, context, application);
      clients.set(application, client);
      client.catch(() => clients.delete(application));
    }
    return client;
  };

  Client.prototype.compareClientSecret = function compareClientSecret(this: Client, secret: string) {
    return matchesClientSecret(currentContext(instance), applicationOf(this).id, secret);
  };

  // One rule for what is saved and what is accepted (applications/redirect-uris.ts), whatever the library's next one says.
  Client.prototype.redirectUriAllowed = function redirectUriAllowed(this: Client, uri: string) {
    const application = applicationOf(this);
    return isRegisteredRedirectUri(application, application.settings.redirectUris, uri);
  };
  Client.prototype.postLogoutRedirectUriAllowed = function postLogoutRedirectUriAllowed(this: Client, uri: string) {
    const application = applicationOf(this);
    return isRegisteredRedirectUri(application, application.settings.postLogoutRedirectUris, uri);
  };
}

async function createClient(provider: Provider, context: InstanceContext, application: Application): Promise<Client> {
  const method = application.settings.tokenEndpointAuthMethod;
  const secrets = method === 'client_secret_jwt' ? await openClientSecrets(context, application.id) : [];
  const ClientClass = provider.Client as unknown as new (metadata: AllClientMetadata) => Client & { symmetricKeyStore: { add(key: object): void } };
  const client = new ClientClass(toMetadata(application, secrets[0]));
  // While secrets overlap, an assertion may be made with either (RFC 7523 §2.2).
  for (const secret of secrets.slice(1)) {
    client.symmetricKeyStore.add({ alg: 'HS256', use: 'sig', kty: 'oct', k: Buffer.from(secret).toString('base64url') });
  }
  applications.set(client, application);
  return client;
}

/** The registration of an application in the words of RFC 7591. */
export function toMetadata(application: Application, secret: string | undefined): AllClientMetadata {
  const { settings } = application;
  const usesSecret = settings.tokenEndpointAuthMethod.startsWith('client_secret_');
  const metadata: Record<string, unknown> = {
    client_id: application.clientId,
    client_name: application.name,
    application_type: application.kind === 'native' ? 'native' : 'web',
    grant_types: [...settings.grantTypes],
    response_types: [...settings.responseTypes],
    redirect_uris: [...settings.redirectUris],
    post_logout_redirect_uris: [...settings.postLogoutRedirectUris],
    token_endpoint_auth_method: settings.tokenEndpointAuthMethod,
    // Secrets are kept as hashes: what the library gets instead opens nothing, nor does it verify any HMAC.
    ...(usesSecret && { client_secret: secret ?? randomToken() }),
    jwks: settings.jwks,
    jwks_uri: settings.jwksUri,
    scope: settings.allowedScopes.filter((scope) => oidcScopes.has(scope)).join(' ') || undefined,
    subject_type: settings.subjectType,
    sector_identifier_uri: settings.sectorIdentifierUri,
    id_token_signed_response_alg: settings.idTokenSignedResponseAlg,
    introspection_signed_response_alg: settings.introspectionSignedResponseAlg,
    request_object_signing_alg: settings.requestObjectSigningAlg,
    require_signed_request_object: settings.requireSignedRequestObject,
    require_pushed_authorization_requests: settings.requirePushedAuthorizationRequests,
    dpop_bound_access_tokens: settings.dpopBoundAccessTokens,
    tls_client_certificate_bound_access_tokens: settings.tlsClientCertificateBoundAccessTokens,
    tls_client_auth_subject_dn: settings.tlsClientAuthSubjectDn,
    default_acr_values: settings.defaultAcrValues?.length ? [...settings.defaultAcrValues] : undefined,
    default_max_age: settings.defaultMaxAge,
    initiate_login_uri: settings.initiateLoginUri,
    backchannel_logout_uri: settings.backchannelLogoutUri,
    backchannel_logout_session_required: settings.backchannelLogoutUri ? true : undefined,
  };
  return Object.fromEntries(Object.entries(metadata).filter(([, value]) => value !== undefined && value !== null)) as AllClientMetadata;
}

/** Whether a browser application at `origin` may call our endpoints with this client. Exact origins only. */
export function isAllowedOrigin(client: Client, origin: string): boolean {
  const { allowedOrigins, embeddedSignIn } = applicationOf(client).settings;
  return allowedOrigins.includes(origin) || (embeddedSignIn.enabled && embeddedSignIn.allowedOrigins.includes(origin));
}

/** PKCE (RFC 9700 §2.1.1): always for public clients, and for the others unless their own switch says that they cannot. */
export function isPkceRequired(client: Client): boolean {
  const { settings } = applicationOf(client);
  return settings.tokenEndpointAuthMethod === 'none' || settings.requirePkce;
}

/** The application that the request's client is. */
export function requestApplication(ctx: { readonly oidc: { readonly client?: Client | undefined } }): Application {
  if (!ctx.oidc.client) throw new Error('the request has no client yet');
  return applicationOf(ctx.oidc.client);
}
