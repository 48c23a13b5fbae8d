/**
 * Returns the SQLSTATE (five characters) of a database error, or undefined when the error
 * did not come from the server (a lost connection, a timeout, a bug).
 * Reads `pg` errors (`code`) and Prisma's raw query errors (the driver's code lies in
 * `meta.driverAdapterError.cause.originalCode`; Prisma's own `P1001` or `P2010` is not a SQLSTATE).
 */
export function sqlStateOf(error: unknown): string | undefined {
  return sqlState(property(error, 'code')) ?? sqlState(driverAdapterCode(error));
}

/**
 * Tells whether a statement failed because of one row's values: SQLSTATE class 21 (cardinality),
 * 22 (data exception) or 23 (constraint). The other rows of the batch would have been accepted.
 */
export function isRowError(error: unknown): boolean {
  const state = sqlStateOf(error);
  return state !== undefined && /^2[123]/.test(state);
}

/** Whether the transaction was undone for the sake of others (deadlock, serialization; Prisma's P2034): run again, it may go well. */
export function isTransactionConflict(error: unknown): boolean {
  return ['40001', '40P01'].includes(sqlStateOf(error) ?? '') || property(error, 'code') === 'P2034';
}

function driverAdapterCode(error: unknown): unknown {
  const wrapped = property(property(error, 'meta'), 'driverAdapterError');
  return property(property(wrapped ?? error, 'cause'), 'originalCode');
}

function sqlState(code: unknown): string | undefined {
  // "EPIPE" has five characters too: every SQLSTATE that PostgreSQL sends has a digit in it.
  return typeof code === 'string' && /^(?=.*\d)[0-9A-Z]{5}$/.test(code) && !/^P[1-9]\d{3}$/.test(code)
    ? code
    : undefined;
}

function property(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}
