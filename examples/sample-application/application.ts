/**
 * An application that lets people sign in at an OpenID provider: authorization code flow with PKCE (RFC 7636), refresh,
 * and sign-out at the provider too (OpenID Connect RP-Initiated Logout). A public client: it has no secret.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import * as client from 'openid-client';
import { problemPage, signedInPage, signedOutPage, styleHash } from './pages.ts';
import { rememberAttempt, Visitors, type SignedIn } from './visitors.ts';

export interface SampleApplicationOptions {
  port: number;
  issuer: string;
  clientId: string;
}

/** Starts listening on localhost. Rejects when the port is taken. */
export async function startSampleApplication({ port, issuer, clientId }: SampleApplicationOptions): Promise<{ url: string; close(): Promise<void> }> {
  const visitors = new Visitors();
  let configuration: Promise<client.Configuration> | undefined;

  /** What the provider says about itself, asked for once, when first needed. */
  function provider(): Promise<client.Configuration> {
    configuration ??= client.discovery(new URL(issuer), clientId, undefined, client.None(), {
      // Plain http only where the provider is on this machine.
      execute: new URL(issuer).protocol === 'http:' ? [client.allowInsecureRequests] : [],
    }).catch((error: unknown) => {
      configuration = undefined;
      throw error;
    });
    return configuration;
  }

  async function beginSignIn(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const attempt = { state: client.randomState(), nonce: client.randomNonce(), codeVerifier: client.randomPKCECodeVerifier() };
    const address = client.buildAuthorizationUrl(await provider(), {
      redirect_uri: `${url}/callback`,
      scope: 'openid profile email phone offline_access',
      state: attempt.state,
      nonce: attempt.nonce,
      code_challenge: await client.calculatePKCECodeChallenge(attempt.codeVerifier),
      code_challenge_method: 'S256',
    });
    rememberAttempt(visitors.findOrGreet(request, response), attempt);
    redirect(response, address.href);
  }

  async function finishSignIn(request: IncomingMessage, response: ServerResponse, address: URL): Promise<void> {
    const state = address.searchParams.get('state') ?? '';
    const visitor = visitors.find(request);
    const attempt = visitor?.attempts.get(state);
    if (!attempt) return show(response, 400, problemPage('This sign-in is not from here', 'It was begun in another browser, or was finished already. Start again.'));
    visitor?.attempts.delete(state);
    const tokens = await client.authorizationCodeGrant(await provider(), address, {
      expectedState: attempt.state, expectedNonce: attempt.nonce, pkceCodeVerifier: attempt.codeVerifier, idTokenExpected: true,
    });
    const verified = tokens.claims() ?? { sub: '' };
    const userInfo = await client.fetchUserInfo(await provider(), tokens.access_token, verified.sub);
    visitors.signIn(request, response, { ...signedInFrom(tokens), claims: { ...userInfo, ...verified }, refreshed: 0 });
    redirect(response, '/');
  }

  async function refresh(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const visitor = visitors.find(request);
    const before = visitor?.signedIn;
    if (visitor && before?.refreshToken) {
      const tokens = await client.refreshTokenGrant(await provider(), before.refreshToken);
      visitor.signedIn = { ...before, ...signedInFrom(tokens, before), claims: { ...before.claims, ...tokens.claims() }, refreshed: before.refreshed + 1 };
    }
    redirect(response, '/');
  }

  async function signOut(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const before = visitors.signOut(request);
    const address = client.buildEndSessionUrl(await provider(), {
      post_logout_redirect_uri: `${url}/`, ...(before && { id_token_hint: before.idToken }),
    });
    redirect(response, address.href);
  }

  function start(request: IncomingMessage, response: ServerResponse): void {
    const signedIn = visitors.find(request)?.signedIn;
    show(response, 200, signedIn ? signedInPage(issuer, signedIn) : signedOutPage(issuer));
  }

  async function route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const address = new URL(request.url ?? '/', url);
    // A page of somebody else must not sign people out or use up their tokens.
    const foreign = request.method === 'POST' && !['same-origin', undefined].includes(request.headers['sec-fetch-site'] as string | undefined);
    if (foreign) return show(response, 403, problemPage('Not from here', 'This request came from another site.'));
    switch (`${request.method} ${address.pathname}`) {
      case 'GET /': return start(request, response);
      case 'GET /sign-in': return beginSignIn(request, response);
      case 'GET /callback': return finishSignIn(request, response, address);
      case 'POST /refresh': return refresh(request, response);
      case 'POST /sign-out': return signOut(request, response);
      default: return show(response, 404, problemPage('There is no such page', 'The address is wrong.'));
    }
  }

  const server = createServer((request, response) => {
    route(request, response).catch((error: unknown) => {
      show(response, 502, problemPage('That did not work', explain(error)));
    });
  });
  await listen(server, port);
  const address = server.address();
  const url = `http://localhost:${typeof address === 'object' && address ? address.port : port}`;
  return {
    url,
    close: () => new Promise((resolve) => {
      server.close(() => { resolve(); });
      server.closeAllConnections();
    }),
  };
}

type Tokens = client.TokenEndpointResponse & client.TokenEndpointResponseHelpers;

function signedInFrom(tokens: Tokens, before?: SignedIn): Pick<SignedIn, 'idToken' | 'refreshToken' | 'accessTokenEndsAt'> {
  const seconds = tokens.expiresIn();
  return {
    idToken: tokens.id_token ?? before?.idToken ?? '',
    refreshToken: tokens.refresh_token ?? before?.refreshToken,
    accessTokenEndsAt: seconds === undefined ? undefined : new Date(Date.now() + seconds * 1000),
  };
}

/** The provider's own words where it gave some (RFC 6749 §5.2 and §4.1.2.1). */
function explain(error: unknown): string {
  if (error instanceof client.AuthorizationResponseError || error instanceof client.ResponseBodyError) {
    return `The provider answered: ${error.error}${error.error_description ? ` (${error.error_description})` : ''}.`;
  }
  return `The provider could not be asked, or its answer could not be verified: ${error instanceof Error ? error.message : String(error)}.`;
}

function show(response: ServerResponse, status: number, html: string): void {
  response.writeHead(status, {
    'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store', 'referrer-policy': 'no-referrer', 'x-content-type-options': 'nosniff',
    'content-security-policy': `default-src 'none'; style-src ${styleHash}; frame-ancestors 'none'; base-uri 'none'`,
  }).end(html);
}

function redirect(response: ServerResponse, location: string): void {
  response.writeHead(303, { location, 'cache-control': 'no-store' }).end();
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, 'localhost', () => {
      server.off('error', reject);
      resolve();
    });
  });
}
