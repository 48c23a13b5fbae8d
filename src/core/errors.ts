/**
 * The one refusal of the product. REST answers it as `application/problem+json` (RFC 9457); every other protocol maps
 * it to its own shape in one place. What is not a Problem is a fault: a 500 with a request id and no details.
 */
import { STATUS_CODES } from 'node:http';

export interface FieldError {
  /** Where: a JSON pointer-like path such as `redirectUris.0`, or the name of a parameter. */
  field: string;
  code: string;
  /** What was wrong and what would be right. */
  detail: string;
}

export interface ProblemOptions {
  status: number;
  /** Stable, for programs: `Operation.Failure.User.Not.Exist`. */
  code: string;
  /** For people: what was wrong and what would be right. Goes to the caller. */
  detail: string;
  title?: string;
  errors?: FieldError[];
  headers?: Record<string, string>;
  /** Further members of the body (RFC 9457 §3.2), such as the current view of a flow. */
  members?: Record<string, unknown>;
  /** For the log only. */
  logDetail?: string;
  cause?: unknown;
}

export class Problem extends Error {
  readonly status: number;
  readonly code: string;
  readonly title: string;
  readonly detail: string;
  readonly errors: FieldError[] | undefined;
  readonly headers: Record<string, string>;
  readonly members: Record<string, unknown>;
  readonly logDetail: string | undefined;

  constructor(options: ProblemOptions) {
    super(options.detail, { cause: options.cause });
    this.name = 'Problem';
    this.status = options.status;
    this.code = options.code;
    this.title = options.title ?? STATUS_CODES[options.status] ?? 'Error';
    this.detail = options.detail;
    this.errors = options.errors;
    this.headers = options.headers ?? {};
    this.members = options.members ?? {};
    this.logDetail = options.logDetail;
  }

  /** The body of RFC 9457 §3. */
  toBody(requestId: string): Record<string, unknown> {
    return {
      ...this.members,
      type: `urn:postern:error:${this.code}`,
      title: this.title,
      status: this.status,
      code: this.code,
      detail: this.detail,
      requestId,
      ...(this.errors && { errors: this.errors }),
    };
  }
}

/** 400: the request is not what the route takes; one entry for each field. */
export const invalidParameters = (errors: FieldError[], members: Record<string, unknown> = {}) => new Problem({
  status: 400, code: 'Params.Illegal', errors, members,
  detail: errors.map((error) => `${error.field}: ${error.detail}`).join('; ').slice(0, 1000),
});

/** What the work gives, or the Problem that it refuses with: for rows of which one does not stop the others. Faults are thrown. */
export function resultOrProblem<Result>(work: () => Result): Result | Problem {
  try {
    return work();
  } catch (error) {
    if (error instanceof Problem) return error;
    throw error;
  }
}

/** 404 for everything that is not there or not the caller's: one answer, so that nothing is told. */
export const notFound = (what = 'resource') => new Problem({
  status: 404, code: 'Resource.NotFound', detail: `There is no such ${what} here.`,
});

/** 401 with the challenge of RFC 6750 §3. */
export const unauthenticated = (detail = 'A valid bearer token is needed.', error?: 'invalid_token') => new Problem({
  status: 401, code: 'Operation.Denied', detail,
  headers: { 'www-authenticate': error ? `Bearer error="${error}"` : 'Bearer' },
});

/** 403: who asks is known and may not. */
export const denied = (detail: string, headers: Record<string, string> = {}) => new Problem({ status: 403, code: 'Operation.Denied', detail, headers });

export const conflict = (code: string, detail: string, errors?: FieldError[]) => new Problem({ status: 409, code, detail, ...(errors && { errors }) });

/** 412: If-Match names an older version (RFC 9110 §13.1.1). */
export const versionMismatch = () => new Problem({
  status: 412, code: 'Operation.Failure.Version.Mismatch',
  detail: 'The resource was changed by somebody else. Read it again and send its ETag in If-Match.',
});

export const tooManyRequests = (detail: string, headers: Record<string, string>) => new Problem({
  status: 429, code: 'Operation.Failure.Too.Many.Attempts', detail, headers,
});

/** 503: busy or a part is missing for now; the caller may try again. */
export const serviceBusy = (retryAfterSeconds: number, detail = 'The server is busy. Try again shortly.', cause?: unknown) => new Problem({
  status: 503, code: 'Service.Busy', detail, headers: { 'retry-after': String(retryAfterSeconds) }, cause,
});

/** 503: there is no room to write. Reading goes on. */
export const storageFull = (cause?: unknown) => new Problem({
  status: 503, code: 'Service.Storage.Full', headers: { 'retry-after': '60' }, cause,
  detail: 'Nothing can be saved at the moment: the disk of the database is full. Nothing was changed. Whoever runs this server must make room.',
});
