/**
 * The embedded PostgreSQL cannot be used here. The message is one friendly line for the operator: what is wrong, then
 * what to do. Nothing in it is a programming error, so no stack trace needs to be shown.
 */
export class EmbeddedPostgresUnavailable extends Error {
  override readonly name = 'EmbeddedPostgresUnavailable';

  constructor(reason: string, remedy = 'Set DATABASE_URL to use a PostgreSQL of your own.') {
    super(`The embedded PostgreSQL cannot be used: ${reason}. ${remedy}`);
  }
}

/** The `code` of a system error (`ENOENT`, `EACCES`), if it has one. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
