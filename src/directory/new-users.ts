/** Makes users, one or many, in a few statements. */
import { type Problem, resultOrProblem } from '../core/errors.ts';
import { newId } from '../core/ids.ts';
import { append } from '../events/index.ts';
import type { Prisma } from '../generated/prisma/client.ts';
import { type InstanceContext, takeUpToQuota } from '../tenancy/index.ts';
import { findTakenIdentifiers, identifierKeys } from './claim-identifiers.ts';
import { customFieldTaken } from './custom-fields/errors.ts';
import { applyValues, fieldsForChange, findTakenValues, storeValues, valueRows, type StoredValues } from './custom-fields/values.ts';
import { identifierTaken } from './errors.ts';
import { userCreated } from './events.ts';
import { keepDynamicGroups } from './groups/keep-dynamic-groups.ts';
import { foldIdentifier } from './identifiers.ts';
import { checkPlace, holdPlaces, placeNewUsers } from './place-new-users.ts';
import { profileOf } from './profile.ts';
import type { CreateUser, SourceType } from './schemas.ts';
import { fromRow, type User } from './user.ts';

/** What only a proof may say: a confirmed address, a trusted source, the operator. Never taken from a request's body. */
export interface Proven {
  emailVerified?: boolean;
  phoneVerified?: boolean;
  /** `pending` until the person has set the account up. */
  status?: 'enabled' | 'pending';
  /** Who keeps the account. */
  source?: { readonly type: SourceType; readonly id?: string };
}

/** A user, or why there is none. */
export type Created = { readonly user: User } | { readonly problem: Problem };

interface Prepared { readonly wanted: CreateUser; readonly row: Prisma.UserCreateManyInput; readonly values: StoredValues }

/**
 * Creates those that nothing stands against, in the order given: the first of two that look alike is created. The
 * caller decides whether the others undo the transaction.
 */
export async function insertUsers(tx: InstanceContext, users: readonly CreateUser[], proven: Proven = {}): Promise<Created[]> {
  const fields = await fieldsForChange(tx, users.some(({ customFields }) => customFields !== undefined));
  const places = await holdPlaces(tx, users);
  const prepared = users.map((wanted): Prepared | Problem => resultOrProblem(() => {
    checkPlace(tx, wanted, places);
    const userId = newId('user', tx.now().getTime());
    const values = { ...applyValues(fields, { before: undefined, change: wanted.customFields }), userId, isNew: true };
    return { wanted, row: rowOf(tx, userId, wanted, proven, values.values), values };
  }));
  const refused = await findRefusals(tx, prepared.filter((each): each is Prepared => 'row' in each));
  const wanted = prepared.map((each): Prepared | Problem => ('row' in each ? refused.get(each.row.id) ?? each : each));
  // After all names are claimed: from here to the commit others wait for the counter, where there is one.
  const { granted, refusal } = await takeUpToQuota(tx, 'users', wanted.filter((each) => 'row' in each).length);
  let room = granted;
  const outcome = wanted.map((each) => ('row' in each && refusal && (room -= 1) < 0 ? refusal : each));
  const accepted = outcome.filter((each): each is Prepared => 'row' in each);
  const created = accepted.length === 0 ? [] : await write(tx, accepted);
  const byId = new Map(created.map((user) => [user.id, user]));
  return outcome.map((each): Created => {
    if (!('row' in each)) return { problem: each };
    const user = byId.get(each.row.id);
    if (!user) throw new Error('a user that was just created is not there');
    return { user };
  });
}

async function write(tx: InstanceContext, accepted: readonly Prepared[]): Promise<User[]> {
  const rows = await tx.db.user.createManyAndReturn({ data: accepted.map(({ row }) => row) });
  const created = rows.map(fromRow);
  await append(tx, ...created.map(userCreated));
  await storeValues(tx, accepted.map(({ values }) => values));
  await placeNewUsers(tx, accepted.map(({ wanted: { organizationalUnitIds, groupIds }, row }) => ({ userId: row.id, organizationalUnitIds, groupIds })));
  await keepDynamicGroups(tx, created.map(({ id }) => id));
  return created;
}

/** Names and unique values that others have, or an earlier one of the batch. */
async function findRefusals(tx: InstanceContext, prepared: readonly Prepared[]): Promise<Map<string, Problem>> {
  const refused = new Map<string, Problem>();
  const names = await findTakenIdentifiers(tx, prepared.map(({ wanted, row }) => ({ userId: row.id, wanted: identifierKeys(wanted) })));
  for (const [userId, fields] of names) refused.set(userId, identifierTaken(fields));
  const rows = prepared.filter(({ row }) => !refused.has(row.id)).flatMap(({ values }) => valueRows(values)).filter(({ field }) => field.isUnique);
  const taken = new Set(await findTakenValues(tx, rows));
  const holders = new Map<string, string>();
  for (const row of rows) {
    const value = `${row.field.id}\n${row.valueKey}`;
    if (taken.has(row) || (holders.get(value) ?? row.userId) !== row.userId) refused.set(row.userId, customFieldTaken([row.field.key]));
    else holders.set(value, row.userId);
  }
  return refused;
}

function rowOf(tx: InstanceContext, id: string, user: CreateUser, proven: Proven, customFields: StoredValues['values']): Prisma.UserCreateManyInput {
  const now = tx.now();
  return {
    ...profileOf(user),
    instanceId: tx.instance.id,
    id,
    username: user.username,
    usernameKey: foldIdentifier(user.username),
    displayName: user.displayName ?? defaultDisplayName(user),
    emailKey: user.email ? foldIdentifier(user.email) : null,
    emailVerified: Boolean(user.email) && (proven.emailVerified ?? false),
    phoneVerified: Boolean(user.phone) && (proven.phoneVerified ?? false),
    status: proven.status ?? 'enabled',
    sourceType: proven.source?.type ?? 'built_in',
    sourceId: proven.source?.id ?? null,
    customFields,
    createdAt: now,
    updatedAt: now,
  };
}

function defaultDisplayName(user: CreateUser): string {
  return [user.givenName, user.familyName].filter(Boolean).join(' ') || user.username;
}
