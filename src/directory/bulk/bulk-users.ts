/**
 * Up to a thousand changes in one call: by the hundred in a few statements, and one by one where somebody refuses the lot.
 */
import { isUniqueViolation } from '../../core/database.ts';
import { type FieldError, invalidParameters, Problem } from '../../core/errors.ts';
import { toProblem } from '../../core/http/error-handler.ts';
import { entityTag } from '../../core/http/entity-tag.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import { beyondLimit, limitPathsOf } from '../limits.ts';
import { forgetMemberships } from '../memberships.ts';
import { insertUsers, type Created, type Proven } from '../new-users.ts';
import { deleteUser } from '../recycle.ts';
import type { CreateUser } from '../schemas.ts';
import type { User } from '../user.ts';
import { forgetUser } from '../user-status.ts';
import { createUser, disableUser, enableUser, lockUser, unlockUser, updateUser } from '../users.ts';
import { changeUsers, type ChangeRow } from './change-users.ts';
import { bulkRowSchema, type BulkAnswer, type BulkResult, type BulkRow, type BulkUsers } from './schemas.ts';

/** Users of one transaction. */
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
  while (results.length < rows.length) results.push(...await doPortion(context, nextPortion(rows, results.length, erasesAtOnce(context)), results.length));
  return results;
}

/** Where nothing is kept of deleted users, each goes alone. */
const erasesAtOnce = (context: InstanceContext) => context.instance.settings.users.recycleDays === 0;

/** Rows that are done together: new users, or changes of different users; anything else alone. */
type Portion = { readonly create: readonly CreateUser[] } | { readonly change: readonly ChangeRow[] } | { readonly row: ReadRow };

function nextPortion(rows: readonly ReadRow[], from: number, erasesAtOnce: boolean): Portion {
  const create: CreateUser[] = [];
  const change = new Map<string, ChangeRow>();
  for (const row of rows.slice(from, from + portion)) {
    if (row instanceof Problem || (row.operation === 'delete' && erasesAtOnce)) break;
    if (row.operation === 'create') {
      if (change.size > 0) break;
      create.push(row.user);
    } else {
      if (create.length > 0 || change.has(row.userId)) break;
      change.set(row.userId, row);
    }
  }
  if (create.length > 0) return { create };
  if (change.size > 0) return { change: [...change.values()] };
  const row = rows[from];
  if (row === undefined) throw new Error('there is no such row');
  return { row };
}

async function doPortion(context: InstanceContext, portion: Portion, from: number): Promise<BulkResult[]> {
  if ('row' in portion) return [await doRow(context, portion.row, from)];
  try {
    return await doTogether(context, portion, from);
  } catch (error) {
    // Somebody else was faster with a name, or a guard stands before one of them: the others are not to suffer.
    if (!isUniqueViolation(error) && !(error instanceof Problem)) throw error;
    const rows: readonly BulkRow[] = 'change' in portion ? portion.change : portion.create.map((user) => ({ operation: 'create', user }));
    const results: BulkResult[] = [];
    for (const [index, row] of rows.entries()) results.push(await doRow(context, row, from + index));
    return results;
  }
}

/** @throws what can only be asked of one row at a time */
async function doTogether(context: InstanceContext, portion: Exclude<Portion, { row: ReadRow }>, from: number): Promise<BulkResult[]> {
  if ('create' in portion) return (await context.transaction((tx) => insertUsers(tx, portion.create, provenBy(tx)))).map((each, index) => resultOf(each, from + index, 201));
  if (limitPathsOf(context) !== undefined) throw beyondLimit('Each user is looked at alone.');
  const changed = await context.transaction((tx) => changeUsers(tx, portion.change));
  for (const each of changed) if ('user' in each) forgetUser(context, each.user);
  forgetMemberships(context, portion.change.filter(({ operation }) => operation === 'delete').map(({ userId }) => userId));
  return changed.map((each, index) => ('user' in each && portion.change[index]?.operation === 'delete' ? { index: from + index, status: 204, id: each.user.id } : resultOf(each, from + index, 200)));
}

async function doRow(context: InstanceContext, row: ReadRow, index: number): Promise<BulkResult> {
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
  try {
    return answer(await context.transaction((tx) => doAllTogether(tx, rows)), true);
  } catch (error) {
    if (error instanceof Undone) return answer(undone(rows.length, error.results), false);
    if (!isUniqueViolation(error) && !(error instanceof Problem)) throw error;
  }
  return doAllAlone(context, rows);
}

async function doAllTogether(tx: InstanceContext, rows: readonly ReadRow[]): Promise<BulkResult[]> {
  const results: BulkResult[] = [];
  while (results.length < rows.length) {
    const next = nextPortion(rows, results.length, erasesAtOnce(tx));
    results.push(...orUndone('row' in next ? [await doRow(tx, next.row, results.length)] : await doTogether(tx, next, results.length)));
  }
  return results;
}

/** Once more, one by one, to learn which row it is that is refused. */
async function doAllAlone(context: InstanceContext, rows: readonly ReadRow[]): Promise<BulkAnswer> {
  try {
    return answer(await context.transaction(async (tx) => {
      const results: BulkResult[] = [];
      // A statement that fails ends the transaction: the first refusal is the last word.
      for (const [index, row] of rows.entries()) results.push(...orUndone([await doRow(tx, row, index)]));
      return results;
    }), true);
  } catch (error) {
    if (error instanceof Undone) return answer(undone(rows.length, error.results), false);
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

const resultOf = (done: Created, index: number, status: number): BulkResult => ('user' in done ? success(done.user, index, status) : refusal(done.problem, index));

const success = (user: User, index: number, status = 200): BulkResult => ({ index, status, id: user.id, etag: entityTag(user.version) });

const refusal = ({ status, code, detail, errors }: Problem, index: number): BulkResult => ({ index, status, problem: { status, code, detail, ...(errors && { errors }) } });

/** The request that brought them in is the source: a list of one call's users is one filter away. */
const provenBy = (context: InstanceContext): Proven => ({ source: { type: 'import', id: context.requestId } });
