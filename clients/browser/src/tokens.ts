/** Tokens, in memory only: a page that is left or reloaded asks the person, or its own storage, again. */
import { PosternError } from './errors.ts';
import { call } from './http.ts';

export interface Tokens {
  readonly accessToken: string;
  readonly idToken: string | undefined;
  readonly refreshToken: string | undefined;
  readonly scope: string | undefined;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
}

/** A refresh begins so long before the end: clocks differ, and answers take time. */
const earlyMilliseconds = 30_000;

export class TokenStore {
  readonly #issuer: string;
  readonly #clientId: string;
  #tokens: Tokens | undefined;
  #refreshing: Promise<string> | undefined;

  constructor(issuer: string, clientId: string) {
    this.#issuer = issuer;
    this.#clientId = clientId;
  }

  get current(): Tokens | undefined { return this.#tokens; }

  async exchange(parameters: Readonly<Record<string, string>>): Promise<Tokens> {
    const { status, body, retryAfter } = await this.#post('token', parameters);
    if (status !== 200) throw new PosternError(status, body, retryAfter);
    const text = (name: string) => (typeof body[name] === 'string' ? body[name] : undefined);
    this.#tokens = {
      accessToken: String(body['access_token']), idToken: text('id_token') ?? this.#tokens?.idToken, refreshToken: text('refresh_token') ?? this.#tokens?.refreshToken,
      scope: text('scope'), expiresAt: Date.now() + Number(body['expires_in']) * 1_000 };
    return this.#tokens;
  }

  /** One that is still good; many callers share one refresh. @throws PosternError when nobody is signed in any more */
  async accessToken(): Promise<string> {
    const tokens = this.#tokens;
    if (!tokens) throw new PosternError(401, { code: 'Not.Signed.In', detail: 'Nobody is signed in.' });
    if (tokens.expiresAt - earlyMilliseconds > Date.now()) return tokens.accessToken;
    if (tokens.refreshToken === undefined) {
      this.#tokens = undefined;
      throw new PosternError(401, { code: 'Not.Signed.In', detail: 'The access token has ended, and there is no refresh token.' });
    }
    this.#refreshing ??= this.exchange({ grant_type: 'refresh_token', refresh_token: tokens.refreshToken })
      .catch((error: unknown) => {
        if (error instanceof PosternError && error.status === 400) this.#tokens = undefined;
        throw error;
      })
      .then(({ accessToken }) => accessToken).finally(() => { this.#refreshing = undefined; });
    return this.#refreshing;
  }

  /** Ends the sign-in at the server too: its session lives as long as what was granted. */
  async revoke(): Promise<void> {
    const token = this.#tokens?.refreshToken ?? this.#tokens?.accessToken;
    this.#tokens = undefined;
    if (token !== undefined) await this.#post('revoke', { token });
  }

  #post(endpoint: string, parameters: Readonly<Record<string, string>>) {
    return call(`${this.#issuer}/oauth2/${endpoint}`, { method: 'POST', body: new URLSearchParams({ ...parameters, client_id: this.#clientId }) });
  }
}
