/** Counts the statements of this process by standing in front of the database driver. Import it before the server. */
import pg from 'pg';

const counted = { statements: 0 };

type Query = (this: pg.Client, ...parameters: unknown[]) => unknown;

// Not a measurement of time: one addition for each statement, also while rates are taken.
const query = pg.Client.prototype.query as unknown as Query;
pg.Client.prototype.query = function countQuery(this: pg.Client & { connectionParameters?: { application_name?: string } }, ...parameters: unknown[]) {
  if (this.connectionParameters?.application_name === 'postern') counted.statements += 1;
  return query.apply(this, parameters);
} as unknown as typeof pg.Client.prototype.query;

export const countStatements = (): number => counted.statements;
