/** A refusal of the server. The flow is already at the view that came with it: draw that again. */
export class PosternError extends Error {
  /** HTTP; 0: the server was not reached. */
  readonly status: number;
  /** Stable, for programs: `Operation.Failure.Credential.Invalid`. */
  readonly code: string;
  readonly errors: readonly { readonly field: string; readonly code: string; readonly detail: string }[];
  /** Seconds to wait, where the server said so. */
  readonly retryAfter: number | undefined;
  /** Of an expired flow: whether `flow.restart()` begins the same request again. */
  readonly restart: boolean;
  readonly requestId: string | undefined;

  constructor(status: number, body: Readonly<Record<string, unknown>>, retryAfter?: number) {
    super(typeof body['detail'] === 'string' ? body['detail'] : typeof body['error_description'] === 'string' ? body['error_description'] : 'The server could not be reached.');
    this.name = 'PosternError';
    this.status = status;
    this.code = String(body['code'] ?? body['error'] ?? 'Unreachable');
    this.errors = (body['errors'] as PosternError['errors'] | undefined) ?? [];
    this.retryAfter = retryAfter;
    this.restart = body['restart'] === true;
    this.requestId = body['requestId'] as string | undefined;
  }
}
