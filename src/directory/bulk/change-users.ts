/**
 * Changes many users in a few statements, as the single verbs (users.ts, recycle.ts) change one: the same checks, events
 * and consequences. What refuses one row is its result; what can only be asked of one user at a time is thrown, and the
 * caller does the rows one by one instead.
 */
import { Problem, resultOrProblem } from '../../core/errors.ts';
import { checkEntityTag } from '../../core/http/entity-tag.ts';
import { append, type NewEvent } from '../../events/index.ts';
import type { User as UserRow } from '../../generated/prisma/client.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import { findTakenIdentifiers, identifierKeys } from '../claim-identifiers.ts';
import { closeUsers } from '../closing.ts';
import { customFieldTaken } from '../custom-fields/errors.ts';
import type { CustomField } from '../custom-fields/definitions.ts';
import { applyValues, fieldsForChange, findTakenValues, storeValues, type StoredValues, valueRows } from '../custom-fields/values.ts';
import { identifierTaken, userNotFound } from '../errors.ts';
import { userRecycled, userStatusChanged, userUpdated } from '../events.ts';
import { keepDynamicGroups } from '../groups/keep-dynamic-groups.ts';
import { guardUsers } from '../guards.ts';
import { foldIdentifier } from '../identifiers.ts';
import { profileOf } from '../profile.ts';
import { afterRecycling, recycled } from '../recycle.ts';
import { fromRow, type User } from '../user.ts';
import { announceUsers } from '../user-status.ts';
import type { BulkRow } from './schemas.ts';
import { writeRows } from './write-rows.ts';

/** An update, a change of status or a deletion; of each user one at most. */
export type ChangeRow = Exclude<BulkRow, { operation: 'create' }>;
export type Changed = { readonly user: User } | { readonly problem: Problem };

interface Planned { readonly row: ChangeRow; readonly before: UserRow; readonly after: UserRow; readonly values: StoredValues | undefined }

const statusVerbs = {
  enable: { status: 'enabled', how: 'enabled', onlyFrom: undefined }, disable: { status: 'disabled', how: 'disabled', onlyFrom: undefined },
  lock: { status: 'locked', how: 'locked', onlyFrom: undefined }, unlock: { status: 'enabled', how: 'unlocked', onlyFrom: 'locked' },
} as const;

/** @throws Problem when a guard stands before one of the users: which one, the single verb says */
export async function changeUsers(tx: InstanceContext, rows: readonly ChangeRow[]): Promise<Changed[]> {
  const ids = rows.map(({ userId }) => userId);
  await tx.db.$queryRaw`SELECT 1 FROM "User" WHERE "instanceId" = ${tx.instance.id} AND "id" = ANY (${ids}::text[]) ORDER BY "id" FOR UPDATE`;
  const found = new Map((await tx.db.user.findMany({ where: { id: { in: ids }, recycledAt: null } })).map((row) => [row.id, row]));
  await guardUsers(tx, ids.filter((id) => found.has(id)));
  const fields = await fieldsForChange(tx, rows.some((row) => row.operation === 'update' && row.change.customFields !== undefined));
  const outcome = new Map<ChangeRow, Planned | Problem>(rows.map((row) => [row, resultOrProblem(() => plan(tx, fields, row, found.get(row.userId)))]));
  await refuseTaken(tx, outcome);
  const planned = [...outcome.values()].filter((each): each is Planned => !(each instanceof Problem));
  const changed = planned.filter(({ before, after }) => after !== before);
  await write(tx, changed);
  return rows.map((row): Changed => {
    const each = outcome.get(row);
    return each === undefined || each instanceof Problem ? { problem: each ?? userNotFound() } : { user: fromRow(each.after) };
  });
}

async function write(tx: InstanceContext, changed: readonly Planned[]): Promise<void> {
  if (changed.length === 0) return;
  await writeRows(tx, changed.map(({ after }) => after));
  await storeValues(tx, changed.flatMap(({ values }) => values ?? []));
  const deleted = changed.filter(({ row }) => row.operation === 'delete').map(({ after }) => after.id);
  const shut = changed.filter(({ before, after }) => (after.status !== before.status && after.status !== 'enabled') || (after.expiresAt !== null && after.expiresAt.getTime() !== before.expiresAt?.getTime()));
  await closeUsers(tx, shut.map(({ before, after }) => ({ before: fromRow(before), after: after.recycledAt === null ? fromRow(after) : undefined })));
  await append(tx, ...changed.map(eventOf));
  await keepDynamicGroups(tx, changed.filter(({ after }) => after.recycledAt === null).map(({ after }) => after.id));
  if (deleted.length > 0) await afterRecycling(tx, deleted);
  await announceUsers(tx, changed.filter(({ before, after }) => after.status !== before.status || after.expiresAt?.getTime() !== before.expiresAt?.getTime()).map(({ after }) => after.id));
}

/** @throws Problem that refuses the row */
function plan(tx: InstanceContext, fields: readonly CustomField[], row: ChangeRow, before: UserRow | undefined): Planned {
  if (!before) throw userNotFound();
  checkEntityTag(row.ifMatch, before.version);
  const stamp = { version: before.version + 1, updatedAt: tx.now() };
  if (row.operation === 'delete') return { row, before, after: { ...before, ...recycled(tx, before.status), ...stamp }, values: undefined };
  if (row.operation !== 'update') {
    const { status, onlyFrom } = statusVerbs[row.operation];
    const isNothing = before.status === status || (onlyFrom !== undefined && before.status !== onlyFrom);
    return { row, before, after: isNothing ? before : { ...before, status, ...stamp }, values: undefined };
  }
  const { change } = row;
  const applied = change.customFields && applyValues(fields, { before: fromRow(before).customFields, change: change.customFields });
  const emailChanges = change.email !== undefined && (change.email ?? null) !== before.email;
  const phoneChanges = change.phone !== undefined && (change.phone ?? null) !== before.phone;
  const after: UserRow = {
    ...before, ...profileOf(change), ...stamp,
    ...(change.username !== undefined && { username: change.username, usernameKey: foldIdentifier(change.username) }),
    ...(change.displayName !== undefined && { displayName: change.displayName }),
    ...(change.email !== undefined && { emailKey: change.email ? foldIdentifier(change.email) : null }),
    ...(applied && { customFields: applied.values }),
    ...(emailChanges && { emailVerified: false }),
    ...(phoneChanges && { phoneVerified: false }),
  };
  return { row, before, after, values: applied && { ...applied, userId: before.id, isNew: false } };
}

/** Names and unique values that others have, or an earlier row. */
async function refuseTaken(tx: InstanceContext, outcome: Map<ChangeRow, Planned | Problem>): Promise<void> {
  const planned = [...outcome].flatMap(([row, each]) => (each instanceof Problem ? [] : [{ row, each }]));
  const names = await findTakenIdentifiers(tx, planned.flatMap(({ row }) => (row.operation === 'update' ? [{ userId: row.userId, wanted: identifierKeys(row.change) }] : [])));
  const values = planned.flatMap(({ each }) => (each.values ? valueRows(each.values) : []));
  const taken = new Map((await findTakenValues(tx, values)).map(({ userId, field }) => [userId, field.key]));
  const holders = new Map<string, string>();
  for (const { field, valueKey, userId } of values.filter((value) => value.field.isUnique && !taken.has(value.userId))) {
    const value = `${field.id}\n${valueKey}`;
    if ((holders.get(value) ?? userId) !== userId) taken.set(userId, field.key);
    else holders.set(value, userId);
  }
  for (const { row } of planned) {
    const fields = names.get(row.userId);
    const key = taken.get(row.userId);
    if (fields) outcome.set(row, identifierTaken(fields));
    else if (key !== undefined) outcome.set(row, customFieldTaken([key]));
  }
}

function eventOf({ row, before, after }: Planned): NewEvent {
  if (row.operation === 'delete') return userRecycled(before);
  return row.operation === 'update' ? userUpdated(fromRow(before), fromRow(after)) : userStatusChanged(statusVerbs[row.operation].how, fromRow(before), fromRow(after));
}
