/** Refusals in the OAuth shape: our Problems, and what the provider has no class for. */
import { databaseFailure } from '../../core/database-failure.ts';
import { Problem } from '../../core/errors.ts';
import { errors } from './library.ts';

/** The body of RFC 6749 §5.2. */
export interface OAuthError {
  readonly error: string;
  readonly error_description: string;
}

/** 429 in the provider's terms; `headers` go with it (Retry-After, RateLimit). */
export class TooManyRequests extends errors.OIDCProviderError {
  readonly headers: Readonly<Record<string, string>>;
  constructor(description: string, headers: Readonly<Record<string, string>>) {
    super(429, 'temporarily_unavailable');
    this.error_description = description;
    this.headers = headers;
  }
}

/** 403: somebody else's. */
export class NotYours extends errors.OIDCProviderError {
  constructor(description: string) {
    super(403, 'access_denied');
    this.error_description = description;
  }
}

/** An answer for a failure that no protocol rule covers, or undefined when it is a fault of ours. */
export function refusalOf(error: unknown): { status: number; body: OAuthError; headers: Record<string, string> } | undefined {
  if (error instanceof TooManyRequests) {
    return { status: 429, body: { error: error.error, error_description: error.error_description ?? '' }, headers: { ...error.headers } };
  }
  switch (databaseFailure(error)) {
    case 'unreachable': return unavailable('the server cannot reach its database, try again shortly', 2);
    case 'full': return unavailable('nothing can be saved at the moment: the disk of the database is full', 60);
    case undefined:
  }
  if (error instanceof Problem) return { status: error.status, body: { error: errorOf(error.status), error_description: error.detail }, headers: error.headers };
  return undefined;
}

function unavailable(description: string, retryAfterSeconds: number) {
  return { status: 503, body: { error: 'temporarily_unavailable', error_description: description }, headers: { 'retry-after': String(retryAfterSeconds) } };
}

/** The body of a fault: no detail leaves the server (the log has it under the request id). */
export const serverError: OAuthError = { error: 'server_error', error_description: 'something went wrong on our side' };

function errorOf(status: number): string {
  if (status === 403) return 'access_denied';
  if (status === 429 || status === 503) return 'temporarily_unavailable';
  return status >= 500 ? 'server_error' : 'invalid_request';
}
