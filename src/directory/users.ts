/** The verbs on users. Every change writes its event; one that ends access tells the other servers (user-status.ts). */
import { checkEntityTag } from '../core/http/entity-tag.ts';
import { append } from '../events/index.ts';
import type { Prisma } from '../generated/prisma/client.ts';
import { key, type InstanceContext } from '../tenancy/index.ts';
import { claimIdentifiers, identifierKeys } from './claim-identifiers.ts';
import { closeUser } from './closing.ts';
import { applyValues, fieldsForChange, storeValues } from './custom-fields/values.ts';
import { userNotFound } from './errors.ts';
import { userStatusChanged, userUpdated } from './events.ts';
import { keepDynamicGroups } from './groups/keep-dynamic-groups.ts';
import { guardUsers } from './guards.ts';
import { foldIdentifier, foldPhone } from './identifiers.ts';
import { rejectChangeOutsideLimit, rejectOutsideLimit } from './limits.ts';
import { insertUsers, type Proven } from './new-users.ts';
import { profileOf } from './profile.ts';
import { refusingTwins } from './refusing-twins.ts';
import type { CreateUser, UpdateUser, UserStatus } from './schemas.ts';
import { fromRow, type User } from './user.ts';
import { announceUser, forgetUser } from './user-status.ts';

/**
 * Creates a user; without a password (that is authentication's).
 * @throws Problem 409 when the username, e-mail address or telephone number is taken or looks like one that is, or
 * somebody has the value of a unique custom field; 400 when a custom field, unit or group is not as it must be
 */
export function createUser(context: InstanceContext, user: CreateUser, proven: Proven = {}): Promise<User> {
  return refusingTwins(user, () => context.transaction(async (tx) => {
    const [created] = await insertUsers(tx, [user], proven);
    if (created && 'user' in created) return created.user;
    throw created?.problem ?? new Error('nothing was created');
  }));
}

/** @throws Problem 404, also for a user whom a limited administrator may not see */
export async function loadUser(context: InstanceContext, userId: string): Promise<User> {
  const user = await findUserById(context, userId);
  if (!user) throw userNotFound();
  await rejectOutsideLimit(context, userId);
  return user;
}

export async function findUserById(context: InstanceContext, userId: string): Promise<User | undefined> {
  const row = await context.db.user.findUnique({ where: key(context, userId) });
  return row && row.recycledAt === null ? fromRow(row) : undefined;
}

/**
 * Finds whom a person means by what they typed: a username, a verified e-mail address or a verified telephone number.
 * One query whatever the text is, so that the time tells nothing. No text names two users (claim-identifiers.ts).
 */
export async function findUserByIdentifier(context: InstanceContext, typed: string): Promise<User | undefined> {
  const identifier = foldIdentifier(typed.slice(0, 400));
  const phone = foldPhone(typed.slice(0, 40)) ?? '';
  const rows = await context.db.user.findMany({
    where: { recycledAt: null, OR: [{ usernameKey: identifier }, { emailKey: identifier, emailVerified: true }, { phone, phoneVerified: true }] },
    take: 2,
  });
  const [row] = rows;
  return row && rows.length === 1 ? fromRow(row) : undefined;
}

/** `bySource`: a source of users may also change what is read-only for everybody else. */
export interface UserChange extends Omit<Proven, 'status' | 'source'> { ifMatch?: string | undefined; bySource?: boolean }

/**
 * Changes what `change` names; null clears. A new e-mail address or telephone number is not verified.
 * @throws Problem 404, 400 (custom fields), 409 (identifier or unique value taken, or the last owner would expire), 412 (`ifMatch` is of an older version)
 */
export function updateUser(context: InstanceContext, userId: string, change: UpdateUser, options: UserChange = {}): Promise<User> {
  return refusingTwins(change, () => context.transaction(async (tx) => {
    const before = await loadUserForUpdate(tx, userId);
    await rejectChangeOutsideLimit(tx, [userId]);
    checkEntityTag(options.ifMatch, before.version);
    if (lettingIn.some((field) => change[field] !== undefined)) await guardUsers(tx, [userId]);
    await claimIdentifiers(tx, identifierKeys(change), userId);
    const fields = change.customFields === undefined ? [] : await fieldsForChange(tx, true);
    const values = change.customFields && applyValues(fields, { before: before.customFields, change: change.customFields, bySource: options.bySource ?? false });
    const emailChanges = change.email !== undefined && (change.email ?? null) !== before.email;
    const phoneChanges = change.phone !== undefined && (change.phone ?? null) !== before.phone;
    const after = await write(tx, before, {
      ...profileOf(change),
      ...(change.username !== undefined && { username: change.username, usernameKey: foldIdentifier(change.username) }),
      ...(change.displayName !== undefined && { displayName: change.displayName }),
      ...(change.email !== undefined && { emailKey: change.email ? foldIdentifier(change.email) : null }),
      ...(values && { customFields: values.values }),
      ...(emailChanges && { emailVerified: false }),
      ...(phoneChanges && { phoneVerified: false }),
      ...(options.emailVerified !== undefined && { emailVerified: options.emailVerified }),
      ...(options.phoneVerified !== undefined && { phoneVerified: options.phoneVerified }),
    });
    if (values) await storeValues(tx, [{ ...values, userId, isNew: false }]);
    await append(tx, userUpdated(before, after));
    if (after.expiresAt?.getTime() !== before.expiresAt?.getTime()) {
      if (after.expiresAt !== null) await closeUser(tx, before, after);
      await announceUser(tx, userId);
    }
    await keepDynamicGroups(tx, [userId]);
    return after;
  })).then((user) => forgetUser(context, user));
}

/** What lets somebody in as the user, or shuts the user out. */
const lettingIn = ['username', 'email', 'phone', 'externalId', 'expiresAt'] as const;

export const enableUser = (context: InstanceContext, userId: string, ifMatch?: string) => setStatus(context, userId, { status: 'enabled', how: 'enabled', ifMatch });
/** Sessions and tokens end with it (closing.ts). @throws Problem 404, 409 (the last owner) */
export const disableUser = (context: InstanceContext, userId: string, ifMatch?: string) => setStatus(context, userId, { status: 'disabled', how: 'disabled', ifMatch });
export const lockUser = (context: InstanceContext, userId: string, ifMatch?: string) => setStatus(context, userId, { status: 'locked', how: 'locked', ifMatch });
/** A disabled user stays disabled: unlocking is no way around an administrator. */
export const unlockUser = (context: InstanceContext, userId: string, ifMatch?: string) => setStatus(context, userId, { status: 'enabled', how: 'unlocked', onlyFrom: 'locked', ifMatch });

/** Notes a sign-in. No event and no new version: the session's own event tells it. */
export async function noteSignIn(tx: InstanceContext, userId: string): Promise<void> {
  await tx.db.user.updateMany({ where: { id: userId }, data: { lastSignInAt: tx.now() } });
}

/** Reads with a row lock, so that what a change finds is the truth until it commits. @throws Problem 404, 403 (limits.ts) */
export async function loadUserForUpdate(tx: InstanceContext, userId: string): Promise<User> {
  await tx.db.$queryRaw`SELECT 1 FROM "User" WHERE "instanceId" = ${tx.instance.id} AND "id" = ${userId} FOR UPDATE`;
  const user = await loadUser(tx, userId);
  await rejectChangeOutsideLimit(tx, [userId]);
  return user;
}

interface StatusChange { status: UserStatus; how: 'enabled' | 'disabled' | 'locked' | 'unlocked'; onlyFrom?: UserStatus; ifMatch: string | undefined }

async function setStatus(context: InstanceContext, userId: string, { status, how, onlyFrom, ifMatch }: StatusChange): Promise<User> {
  const user = await context.transaction(async (tx) => {
    const before = await loadUserForUpdate(tx, userId);
    await rejectChangeOutsideLimit(tx, [userId]);
    checkEntityTag(ifMatch, before.version);
    await guardUsers(tx, [userId]);
    // Asked twice, or not for this state: nothing changes and nothing is logged.
    if (before.status === status || (onlyFrom && before.status !== onlyFrom)) return before;
    const after = await write(tx, before, { status });
    await append(tx, userStatusChanged(how, before, after));
    if (status !== 'enabled') await closeUser(tx, before, after);
    await announceUser(tx, userId);
    await keepDynamicGroups(tx, [userId]);
    return after;
  });
  return forgetUser(context, user);
}

async function write(tx: InstanceContext, before: User, change: Prisma.UserUpdateInput): Promise<User> {
  return fromRow(await tx.db.user.update({ where: key(tx, before.id), data: { ...change, version: before.version + 1, updatedAt: tx.now() } }));
}
