/** The yardstick: oidc-provider alone on node:http, in memory, one tenant, with the same clients, keys and answers. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { exportJWK, generateKeyPair } from 'jose';
import Provider, { type Configuration } from 'oidc-provider';
import { apis, apiScope, lifetimes, machine, paths, redirectUri, web } from '../fixtures.ts';
import { createMapAdapters } from './map-adapter.ts';
import { answerParent, measureUsage } from './parent.ts';
import { profiling } from './profile.ts';

const { port } = JSON.parse(process.argv[2] ?? '{}') as { port: number };
const issuer = `http://127.0.0.1:${port}`;

async function key(algorithm: string, options: object = {}) {
  const { privateKey } = await generateKeyPair(algorithm, { extractable: true, ...options });
  return { ...await exportJWK(privateKey), alg: algorithm, use: 'sig' };
}

const configuration: Configuration = {
  adapter: createMapAdapters(),
  clients: [
    {
      client_id: web.id, client_secret: web.secret, grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'],
      redirect_uris: [redirectUri], id_token_signed_response_alg: 'RS256',
    },
    { client_id: machine.id, client_secret: machine.secret, grant_types: ['client_credentials'], response_types: [], redirect_uris: [] },
  ],
  cookies: { long: { signed: false }, short: { signed: false } },
  expiresWithSession: async () => true,
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    introspection: { enabled: true, allowedPolicy: async (_ctx, client, token) => token.clientId === client.clientId },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: async (_ctx, identifier) => ({
        scope: apiScope, audience: identifier, accessTokenTTL: lifetimes.accessToken,
        ...(identifier === apis.jwt ? { accessTokenFormat: 'jwt' as const, jwt: { sign: { alg: 'ES256' as const } } } : { accessTokenFormat: 'opaque' as const }),
      }),
    },
  },
  findAccount: async (_ctx, accountId) => ({ accountId, claims: async () => ({ sub: accountId }) }),
  interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
  issueRefreshToken: async (_ctx, client) => client.grantTypeAllowed('refresh_token'),
  jwks: { keys: await Promise.all([key('RS256', { modulusLength: 2048 }), key('ES256')]) as NonNullable<Configuration['jwks']>['keys'] },
  pkce: { required: () => true },
  rotateRefreshToken: true,
  routes: { authorization: paths.authorize, token: paths.token, introspection: paths.introspect },
  scopes: ['openid', apiScope],
  ttl: {
    AccessToken: lifetimes.accessToken, AuthorizationCode: lifetimes.code, ClientCredentials: lifetimes.accessToken, Grant: 86_400,
    IdToken: lifetimes.idToken, Interaction: 3_600, RefreshToken: lifetimes.refreshToken, Session: 86_400,
  },
};

const provider = new Provider(issuer, configuration);
const handle = provider.callback();

/** Signs a person of its own in without asking: sessions are made before anything is measured. */
async function answerInteraction(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { uid } = await provider.interactionDetails(request, response);
  const accountId = `user-${uid}`;
  const grant = new provider.Grant({ accountId, clientId: web.id });
  grant.addOIDCScope('openid');
  await provider.interactionFinished(request, response, { login: { accountId }, consent: { grantId: await grant.save() } }, { mergeWithLastSubmission: false });
}

const server = createServer((request, response) => {
  if (request.url?.startsWith('/interaction/')) void answerInteraction(request, response).catch((error: unknown) => { response.statusCode = 500; response.end(String(error)); });
  else void handle(request, response);
});
server.listen(port, '127.0.0.1', () => answerParent({ usage: () => measureUsage(0), ...profiling }, async () => {
  server.close();
  server.closeAllConnections();
}));
