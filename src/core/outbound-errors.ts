import { Problem } from './errors.ts';

/**
 * The call was not made: its target is none the server may call by itself. Names the host at most:
 * paths and queries of hooks hold secrets, and resolved addresses would map the inner network.
 */
export class OutboundBlocked extends Problem {
  override readonly name = 'OutboundBlocked';
  constructor(detail: string) {
    super({ status: 400, code: 'Outbound.Address.Blocked', detail });
  }
}

const failures = {
  'request': { status: 400, code: 'Outbound.Request.Malformed', words: 'was not called: method, header or body cannot be sent' },
  'name': { status: 502, code: 'Outbound.Name.Unresolved', words: 'has no address' },
  'connection': { status: 502, code: 'Outbound.Connection.Failed', words: 'could not be reached or broke off' },
  'timeout': { status: 504, code: 'Outbound.Timeout', words: 'did not answer in time' },
  'too large': { status: 502, code: 'Outbound.Answer.Too.Large', words: 'answered with more than is read' },
  'redirect': { status: 502, code: 'Outbound.Redirect.Refused', words: 'redirects where or more often than is followed' },
  'malformed': { status: 502, code: 'Outbound.Answer.Malformed', words: 'did not answer in the expected form' },
} as const;

export type OutboundFailure = keyof typeof failures;

/** The call was made, or begun, and failed. `failure` is for programs that decide whether to try again. */
export class OutboundFailed extends Problem {
  override readonly name = 'OutboundFailed';
  readonly failure: OutboundFailure;
  constructor(failure: OutboundFailure, host: string, systemCode?: string) {
    const { status, code, words } = failures[failure];
    super({ status, code, detail: `${host} ${words}.`, ...(systemCode === undefined ? {} : { logDetail: systemCode }) });
    this.failure = failure;
  }
}

/**
 * The short code of the system or library error under `error` (ECONNREFUSED, CERT_HAS_EXPIRED), for
 * the log. The errors themselves are dropped: they quote addresses, URLs and pieces of answers.
 */
export function systemCodeOf(error: unknown): string | undefined {
  for (let current = error, depth = 0; current instanceof Error && depth < 5; current = current.cause, depth += 1) {
    if ('code' in current && typeof current.code === 'string' && /^[A-Z][A-Z0-9_]+$/.test(current.code)) return current.code;
    if (current instanceof AggregateError) return systemCodeOf(current.errors[0]);
  }
  return undefined;
}
