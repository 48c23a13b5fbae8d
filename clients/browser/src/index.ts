/**
 * Sign-in with Postern in a page of your own. It starts flows, keeps their secret, continues from wherever the server
 * says things stand, and exchanges the code at the end. It draws nothing, sets no cookie and stores nothing.
 */
import { encode } from './base64url.ts';
import { PosternError } from './errors.ts';
import { Flow } from './flow.ts';
import { call } from './http.ts';
import { createPkce } from './pkce.ts';
import { type Tokens, TokenStore } from './tokens.ts';
import type { FlowView } from './views.ts';

export { PosternError } from './errors.ts';
export { Flow } from './flow.ts';
export { canUsePasskeys, createPasskey, getPasskey } from './passkeys.ts';
export type { Tokens } from './tokens.ts';
export type { Field, FlowView, MethodView, StepView } from './views.ts';

export interface PosternOptions {
  /** `https://id.example.com/t/default`, without a slash at the end. */
  readonly issuer: string;
  /** Of an application with `oidc.embeddedSignIn`, this page's origin among its `allowedOrigins`. */
  readonly applicationId: string;
  /** Default: the application's id. */
  readonly clientId?: string;
  /** Default: `openid profile`. */
  readonly scope?: string;
  readonly resource?: readonly string[];
  /** Methods and steps that your page can draw; for others the step is `redirect`. Default: all. */
  readonly supports?: readonly string[];
}

export interface StartOptions {
  readonly purpose?: 'sign_in' | 'register' | 'recover';
  readonly acrValues?: readonly string[];
  /** Seconds. */
  readonly maxAge?: number;
  readonly loginHint?: string;
  readonly locale?: string;
  /** One of your registered addresses, for a step `redirect`. */
  readonly redirectUri?: string;
  /** Called with every new view. */
  readonly onChange?: (view: FlowView) => void;
}

interface Started { readonly verifier: string; readonly nonce: string }

export class Postern {
  readonly #options: PosternOptions;
  readonly #tokens: TokenStore;
  readonly #started = new WeakMap<Flow, Started>();

  constructor(options: PosternOptions) {
    this.#options = options;
    this.#tokens = new TokenStore(options.issuer, options.clientId ?? options.applicationId);
  }

  /** Begins a flow. Needs a secure context. */
  async start({ onChange, purpose = 'sign_in', ...request }: StartOptions = {}): Promise<Flow> {
    const { issuer, applicationId, scope = 'openid profile', resource, supports } = this.#options;
    const { verifier, challenge } = await createPkce();
    const nonce = encode(crypto.getRandomValues(new Uint8Array(16)));
    const base = `${issuer}/api/v1/auth`;
    const { status, body, retryAfter } = await call(`${base}/flows`, {
      method: 'POST', headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ purpose, applicationId, scope, nonce, codeChallenge: challenge, codeChallengeMethod: 'S256', ...(resource && { resource }), ...(supports && { supports }), ...request }) });
    if (status !== 201) throw new PosternError(status, body, retryAfter);
    const flow = new Flow(base, body as unknown as FlowView, onChange);
    this.#started.set(flow, { verifier, nonce });
    return flow;
  }

  /** Exchanges the code of a completed flow. */
  async finish(flow: Flow): Promise<Tokens> {
    const started = this.#started.get(flow);
    const { result } = flow.view;
    if (!started || !result) throw new PosternError(409, { code: 'Not.Finished', detail: 'The flow has no code to exchange.' });
    // RFC 9207: a code goes to the server that it came from.
    if (result.iss !== this.#options.issuer) throw new PosternError(400, { code: 'Wrong.Issuer', detail: 'The code came from another server.' });
    const tokens = await this.#tokens.exchange({ grant_type: 'authorization_code', code: result.code, redirect_uri: result.redirectUri, code_verifier: started.verifier });
    if (tokens.idToken !== undefined && claimsOf(tokens.idToken)['nonce'] !== started.nonce) {
      await this.#tokens.revoke();
      throw new PosternError(400, { code: 'Wrong.Nonce', detail: 'The ID token belongs to another flow.' });
    }
    return tokens;
  }

  /** Where to send the browser for the step `redirect`: the hosted pages go on with the same request. */
  redirectUrl(view: FlowView): string | undefined {
    const { clientId, applicationId, issuer } = this.#options;
    const requestUri = view.step?.requestUri;
    return requestUri && `${issuer}/oauth2/authorize?${new URLSearchParams({ client_id: clientId ?? applicationId, request_uri: requestUri })}`;
  }

  get tokens(): Tokens | undefined { return this.#tokens.current; }

  /** Who signed in, from the ID token, which came straight from the token endpoint (OpenID Connect Core §3.1.3.7 item 6). */
  get user(): Readonly<Record<string, unknown>> | undefined {
    const idToken = this.#tokens.current?.idToken;
    return idToken === undefined ? undefined : claimsOf(idToken);
  }

  /** For the Authorization header of your API calls; refreshed when it is about to end. */
  accessToken(): Promise<string> { return this.#tokens.accessToken(); }

  signOut(): Promise<void> { return this.#tokens.revoke(); }
}

function claimsOf(jwt: string): Record<string, unknown> {
  const payload = (jwt.split('.')[1] ?? '').replaceAll('-', '+').replaceAll('_', '/');
  return JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(payload), (letter) => letter.charCodeAt(0)))) as Record<string, unknown>;
}
