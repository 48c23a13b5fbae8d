import type { InstanceContext } from '../tenancy/index.ts';
import type { Application } from './application.ts';
import { usesClientSecret } from './oidc-settings.ts';

/** What somebody enters in an application to connect it: addresses, its client_id, and the same as lines for an .env file. */
export function configurationOf(context: InstanceContext, { clientId, settings }: Application) {
  const { issuer } = context.instance;
  const endpoint = (name: string) => `${issuer}/oauth2/${name}`;
  const pkce = !settings.grantTypes.includes('authorization_code') ? 'unused' as const : settings.requirePkce ? 'required' as const : 'optional' as const;
  const [redirectUri] = settings.redirectUris;
  return {
    issuer,
    discovery: `${issuer}/.well-known/openid-configuration`,
    authorizationEndpoint: endpoint('authorize'),
    tokenEndpoint: endpoint('token'),
    userinfoEndpoint: endpoint('userinfo'),
    endSessionEndpoint: endpoint('logout'),
    deviceAuthorizationEndpoint: endpoint('device_authorization'),
    introspectionEndpoint: endpoint('introspect'),
    revocationEndpoint: endpoint('revoke'),
    jwksUri: endpoint('jwks'),
    clientId,
    redirectUris: settings.redirectUris,
    scopes: settings.allowedScopes,
    tokenEndpointAuthMethod: settings.tokenEndpointAuthMethod,
    pkce,
    environment: [
      `OIDC_ISSUER=${issuer}`,
      `OIDC_CLIENT_ID=${clientId}`,
      ...(usesClientSecret(settings.tokenEndpointAuthMethod) ? ['OIDC_CLIENT_SECRET=<the secret that was shown once>'] : []),
      ...(redirectUri ? [`OIDC_REDIRECT_URI=${redirectUri}`] : []),
      ...(settings.allowedScopes.length > 0 ? [`OIDC_SCOPE="${settings.allowedScopes.join(' ')}"`] : []),
      '',
    ].join('\n'),
  };
}
