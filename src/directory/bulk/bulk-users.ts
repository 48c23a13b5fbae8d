/**
 * Up to a thousand changes in one call. New users are made by the hundred in a few statements, and one by one where the
 * database refuses the lot; every other row is a transaction of its own.
 */
import { isUniqueViolation } from '../../core/database.ts';
import { type FieldError, invalidParameters, Problem } from '../../core/errors.ts';
import { toProblem } from '../../core/http/error-handler.ts';
import { entityTag } from '../../core/http/entity-tag.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import { insertUsers, type Created, type Proven } from '../new-users.ts';
import { deleteUser } from '../recycle.ts';
import { refusingTwins } from '../refusing-twins.ts';
import type { CreateUser } from '../schemas.ts';
import type { User } from '../user.ts';
import { createUser, disableUser, enableUser, lockUser, unlockUser, updateUser } from '../users.ts';
import { bulkRowSchema, type BulkAnswer, type BulkResult, type BulkRow, type BulkUsers } from './schemas.ts';

/** New users of one transaction. */
const portion = 200;

/** Reads the rows and does them in their order; each kind of refusal is as of the single call. */
export async function bulkUsers(context: InstanceContext, { mode, rows }: BulkUsers): Promise<BulkAnswer> {
  const read = rows.map(readRow);
  return mode === 'per_row' ? answer(await doEach(context, read), true) : doAll(context, read);
}

type ReadRow = BulkRow | Problem;

function readRow(row: unknown): ReadRow {
  const parsed = bulkRowSchema.safeParse(row);
  if (parsed.success) return parsed.data;
  return invalidParameters(parsed.error.issues.map((issue): FieldError => ({ field: issue.path.map(String).join('.') || 'row', code: issue.code, detail: issue.message })).slice(0, 20));
}

async function doEach(context: InstanceContext, rows: readonly ReadRow[]): Promise<BulkResult[]> {
  const results: BulkResult[] = [];
  while (results.length < rows.length) {
    const created = leadingCreations(rows, results.length);
    if (created.length > 0) results.push(...await createPortion(context, created, results.length));
    else results.push(await doRow(context, rows[results.length], results.length));
  }
  return results;
}

/** The new users from here on, up to a portion. */
function leadingCreations(rows: readonly ReadRow[], from: number): CreateUser[] {
  const users: CreateUser[] = [];
  for (const row of rows.slice(from, from + portion)) {
    if (row instanceof Problem || row.operation !== 'create') break;
    users.push(row.user);
  }
  return users;
}

async function createPortion(context: InstanceContext, users: readonly CreateUser[], from: number): Promise<BulkResult[]> {
  try {
    const created = await context.transaction((tx) => insertUsers(tx, users, provenBy(tx)));
    return created.map((each, index) => resultOf(each, from + index));
  } catch (error) {
    // Somebody else was faster with one of the names: the others are not to suffer.
    if (!isUniqueViolation(error) && !(error instanceof Problem)) throw error;
    const results: BulkResult[] = [];
    for (const [index, user] of users.entries()) results.push(await doRow(context, { operation: 'create', user }, from + index));
    return results;
  }
}

async function doRow(context: InstanceContext, row: ReadRow | undefined, index: number): Promise<BulkResult> {
  if (row === undefined) throw new Error('there is no such row');
  try {
    return await perform(context, row, index);
  } catch (error) {
    const problem = toProblem(error);
    if (problem.status >= 500) throw error;
    return refusal(problem, index);
  }
}

/** @throws Problem */
async function perform(context: InstanceContext, row: ReadRow, index: number): Promise<BulkResult> {
  if (row instanceof Problem) throw row;
  if (row.operation === 'create') return success(await createUser(context, row.user, provenBy(context)), index, 201);
  if (row.operation === 'update') return success(await updateUser(context, row.userId, row.change, { ifMatch: row.ifMatch }), index);
  if (row.operation === 'delete') {
    await deleteUser(context, row.userId, { ifMatch: row.ifMatch });
    return { index, status: 204, id: row.userId };
  }
  const verbs = { enable: enableUser, disable: disableUser, lock: lockUser, unlock: unlockUser };
  return success(await verbs[row.operation](context, row.userId, row.ifMatch), index);
}

/** Undoes the transaction, carrying why. */
class Undone extends Error {
  readonly results: BulkResult[];
  constructor(results: BulkResult[]) {
    super('a row was refused');
    this.results = results;
  }
}

async function doAll(context: InstanceContext, rows: readonly ReadRow[]): Promise<BulkAnswer> {
  const unread = rows.flatMap((row, index) => (row instanceof Problem ? [refusal(row, index)] : []));
  if (unread.length > 0) return answer(undone(rows.length, unread), false);
  const created = rows.flatMap((row) => (row instanceof Problem || row.operation !== 'create' ? [] : [row.user]));
  try {
    const results = await context.transaction(async (tx) => {
      if (created.length === rows.length) return orUndone((await insertUsers(tx, created, provenBy(tx))).map(resultOf));
      const done: BulkResult[] = [];
      // A statement that fails ends the transaction: the first refusal is the last word.
      for (const [index, row] of rows.entries()) done.push(...orUndone([await doRow(tx, row, index)]));
      return done;
    });
    return answer(results, true);
  } catch (error) {
    if (error instanceof Undone) return answer(undone(rows.length, error.results), false);
    if (isUniqueViolation(error)) await refusingTwins(created[0] ?? {}, () => Promise.reject(error));
    throw error;
  }
}

function orUndone(results: BulkResult[]): BulkResult[] {
  const refused = results.filter(({ problem }) => problem !== undefined);
  if (refused.length > 0) throw new Undone(refused);
  return results;
}

/** All rows: those that were refused, and the others, which were not done for their sake. */
function undone(count: number, refused: readonly BulkResult[]): BulkResult[] {
  const byIndex = new Map(refused.map((result) => [result.index, result]));
  return Array.from({ length: count }, (_value, index) => byIndex.get(index) ?? { index, status: 424 });
}

const answer = (results: BulkResult[], applied: boolean): BulkAnswer => {
  const succeeded = results.filter(({ status }) => status < 300).length;
  return { applied, succeeded, failed: results.length - succeeded, results };
};

const resultOf = (created: Created, index: number): BulkResult => ('user' in created ? success(created.user, index, 201) : refusal(created.problem, index));

const success = (user: User, index: number, status = 200): BulkResult => ({ index, status, id: user.id, etag: entityTag(user.version) });

const refusal = ({ status, code, detail, errors }: Problem, index: number): BulkResult => ({ index, status, problem: { status, code, detail, ...(errors && { errors }) } });

/** The request that brought them in is the source: a list of one call's users is one filter away. */
const provenBy = (context: InstanceContext): Proven => ({ source: { type: 'import', id: context.requestId } });
