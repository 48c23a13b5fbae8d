/** Who is at which browser: kept in memory, found by a random cookie. */
import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';

/** A sign-in that has begun: what the answer must fit (OpenID Connect Core §3.1.2.1, RFC 7636). */
export interface SignInAttempt {
  readonly state: string;
  readonly nonce: string;
  readonly codeVerifier: string;
}

export interface SignedIn {
  readonly claims: Record<string, unknown>;
  readonly idToken: string;
  readonly refreshToken: string | undefined;
  readonly accessTokenEndsAt: Date | undefined;
  readonly refreshed: number;
}

export interface Visitor {
  /** One for each tab that is signing in, by its state. */
  readonly attempts: Map<string, SignInAttempt>;
  signedIn: SignedIn | undefined;
}

const cookieName = 'sample_application';
const mostVisitors = 1_000;
const mostAttempts = 20;

export class Visitors {
  readonly #byToken = new Map<string, Visitor>();

  find(request: IncomingMessage): Visitor | undefined {
    return this.#byToken.get(cookieOf(request));
  }

  /** The visitor of this browser, with a new cookie where there is none. */
  findOrGreet(request: IncomingMessage, response: ServerResponse): Visitor {
    return this.find(request) ?? this.#greet(response);
  }

  /** A sign-in changes the cookie: one that was known before must not name the person (session fixation). */
  signIn(request: IncomingMessage, response: ServerResponse, signedIn: SignedIn): void {
    this.#byToken.delete(cookieOf(request));
    this.#greet(response).signedIn = signedIn;
  }

  signOut(request: IncomingMessage): SignedIn | undefined {
    const visitor = this.find(request);
    this.#byToken.delete(cookieOf(request));
    return visitor?.signedIn;
  }

  #greet(response: ServerResponse): Visitor {
    const token = randomBytes(32).toString('base64url');
    const visitor: Visitor = { attempts: new Map(), signedIn: undefined };
    this.#byToken.set(token, visitor);
    forgetOldest(this.#byToken, mostVisitors);
    response.setHeader('set-cookie', `${cookieName}=${token}; Path=/; HttpOnly; SameSite=Lax`);
    return visitor;
  }
}

export function rememberAttempt(visitor: Visitor, attempt: SignInAttempt): void {
  visitor.attempts.set(attempt.state, attempt);
  forgetOldest(visitor.attempts, mostAttempts);
}

function forgetOldest(entries: Map<string, unknown>, most: number): void {
  for (const key of entries.keys()) {
    if (entries.size <= most) return;
    entries.delete(key);
  }
}

function cookieOf(request: IncomingMessage): string {
  return new RegExp(`(?:^|; *)${cookieName}=([\\w-]+)`).exec(request.headers.cookie ?? '')?.[1] ?? '';
}
