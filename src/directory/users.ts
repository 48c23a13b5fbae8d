/** The verbs on users. Every change writes its event; one that ends access tells the other servers (user-status.ts). */
import { isUniqueViolation } from '../core/database.ts';
import { checkEntityTag } from '../core/http/entity-tag.ts';
import { newId } from '../core/ids.ts';
import { append } from '../events/index.ts';
import type { Prisma } from '../generated/prisma/client.ts';
import { key, type InstanceContext } from '../tenancy/index.ts';
import { claimIdentifiers, identifierKeys } from './claim-identifiers.ts';
import { closeUser } from './closing.ts';
import { identifierTaken, userNotFound } from './errors.ts';
import { userCreated, userDeleted, userStatusChanged, userUpdated } from './events.ts';
import { foldIdentifier, foldPhone } from './identifiers.ts';
import type { CreateUser, UpdateUser, UserStatus } from './schemas.ts';
import { fromRow, type User } from './user.ts';
import { announceUser, forgetUser } from './user-status.ts';

/** What only a proof may say: a confirmed address, a trusted source, the operator. Never taken from a request's body. */
export interface Proven {
  emailVerified?: boolean;
  phoneVerified?: boolean;
  /** `pending` until the person has set the account up. */
  status?: 'enabled' | 'pending';
}

/**
 * Creates a user; without a password (that is authentication's).
 * @throws Problem 409 when the username, e-mail address or telephone number is taken or looks like one that is
 */
export function createUser(context: InstanceContext, user: CreateUser, proven: Proven = {}): Promise<User> {
  return refusingTwins(user, () => context.transaction(async (tx) => {
    const keys = identifierKeys(user);
    await claimIdentifiers(tx, keys);
    const now = tx.now();
    const row = await tx.db.user.create({
      data: {
        ...profileOf(user),
        instanceId: tx.instance.id,
        id: newId('user', now.getTime()),
        username: user.username,
        usernameKey: foldIdentifier(user.username),
        displayName: user.displayName ?? defaultDisplayName(user),
        emailKey: user.email ? foldIdentifier(user.email) : null,
        emailVerified: Boolean(user.email) && (proven.emailVerified ?? false),
        phoneVerified: Boolean(user.phone) && (proven.phoneVerified ?? false),
        status: proven.status ?? 'enabled',
        createdAt: now,
        updatedAt: now,
      },
    });
    const created = fromRow(row);
    await append(tx, userCreated(created));
    return created;
  }));
}

/** @throws Problem 404 */
export async function loadUser(context: InstanceContext, userId: string): Promise<User> {
  const user = await findUserById(context, userId);
  if (!user) throw userNotFound();
  return user;
}

export async function findUserById(context: InstanceContext, userId: string): Promise<User | undefined> {
  const row = await context.db.user.findUnique({ where: key(context, userId) });
  return row ? fromRow(row) : undefined;
}

/**
 * Finds whom a person means by what they typed: a username, a verified e-mail address or a verified telephone number.
 * One query whatever the text is, so that the time tells nothing. No text names two users (claim-identifiers.ts).
 */
export async function findUserByIdentifier(context: InstanceContext, typed: string): Promise<User | undefined> {
  const identifier = foldIdentifier(typed.slice(0, 400));
  const phone = foldPhone(typed.slice(0, 40)) ?? '';
  const rows = await context.db.user.findMany({
    where: { OR: [{ usernameKey: identifier }, { emailKey: identifier, emailVerified: true }, { phone, phoneVerified: true }] },
    take: 2,
  });
  const [row] = rows;
  return row && rows.length === 1 ? fromRow(row) : undefined;
}

/**
 * Changes what `change` names; null clears. A new e-mail address or telephone number is not verified.
 * @throws Problem 404, 409 (identifier taken, or the last owner would expire), 412 (`ifMatch` is of an older version)
 */
export function updateUser(context: InstanceContext, userId: string, change: UpdateUser, options: { ifMatch?: string | undefined } & Proven = {}): Promise<User> {
  return refusingTwins(change, () => context.transaction(async (tx) => {
    const before = await loadUserForUpdate(tx, userId);
    checkEntityTag(options.ifMatch, before.version);
    await claimIdentifiers(tx, identifierKeys(change), userId);
    const emailChanges = change.email !== undefined && (change.email ?? null) !== before.email;
    const phoneChanges = change.phone !== undefined && (change.phone ?? null) !== before.phone;
    const after = await write(tx, before, {
      ...profileOf(change),
      ...(change.username !== undefined && { username: change.username, usernameKey: foldIdentifier(change.username) }),
      ...(change.displayName !== undefined && { displayName: change.displayName }),
      ...(change.email !== undefined && { emailKey: change.email ? foldIdentifier(change.email) : null }),
      ...(emailChanges && { emailVerified: false }),
      ...(phoneChanges && { phoneVerified: false }),
      ...(options.emailVerified !== undefined && { emailVerified: options.emailVerified }),
      ...(options.phoneVerified !== undefined && { phoneVerified: options.phoneVerified }),
    });
    await append(tx, userUpdated(before, after));
    if (after.expiresAt?.getTime() !== before.expiresAt?.getTime()) {
      if (after.expiresAt !== null) await closeUser(tx, before, after);
      await announceUser(tx, userId);
    }
    return after;
  })).then((user) => forgetUser(context, user));
}

export const enableUser = (context: InstanceContext, userId: string) => setStatus(context, userId, 'enabled', 'enabled');
/** Sessions and tokens end with it (closing.ts). @throws Problem 404, 409 (the last owner) */
export const disableUser = (context: InstanceContext, userId: string) => setStatus(context, userId, 'disabled', 'disabled');
export const lockUser = (context: InstanceContext, userId: string) => setStatus(context, userId, 'locked', 'locked');
/** A disabled user stays disabled: unlocking is no way around an administrator. */
export const unlockUser = (context: InstanceContext, userId: string) => setStatus(context, userId, 'enabled', 'unlocked', 'locked');

/** Deletes a user with all that belongs to it; sessions end first. @throws Problem 404, 409 (the last owner), 412 */
export async function deleteUser(context: InstanceContext, userId: string, options: { ifMatch?: string | undefined } = {}): Promise<void> {
  await context.transaction(async (tx) => {
    const before = await loadUserForUpdate(tx, userId);
    checkEntityTag(options.ifMatch, before.version);
    await closeUser(tx, before, undefined);
    await tx.db.user.delete({ where: key(tx, userId) });
    await append(tx, userDeleted(before));
    await announceUser(tx, userId);
  });
  forgetUser(context, { id: userId });
}

/** Notes a sign-in. No event and no new version: the session's own event tells it. */
export async function noteSignIn(tx: InstanceContext, userId: string): Promise<void> {
  await tx.db.user.updateMany({ where: { id: userId }, data: { lastSignInAt: tx.now() } });
}

/** Reads with a row lock, so that what a change finds is the truth until it commits. @throws Problem 404 */
export async function loadUserForUpdate(tx: InstanceContext, userId: string): Promise<User> {
  await tx.db.$queryRaw`SELECT 1 FROM "User" WHERE "instanceId" = ${tx.instance.id} AND "id" = ${userId} FOR UPDATE`;
  return loadUser(tx, userId);
}

async function setStatus(context: InstanceContext, userId: string, status: UserStatus, how: 'enabled' | 'disabled' | 'locked' | 'unlocked', onlyFrom?: UserStatus): Promise<User> {
  const user = await context.transaction(async (tx) => {
    const before = await loadUserForUpdate(tx, userId);
    // Asked twice, or not for this state: nothing changes and nothing is logged.
    if (before.status === status || (onlyFrom && before.status !== onlyFrom)) return before;
    const after = await write(tx, before, { status });
    await append(tx, userStatusChanged(how, before, after));
    if (status !== 'enabled') await closeUser(tx, before, after);
    await announceUser(tx, userId);
    return after;
  });
  return forgetUser(context, user);
}

async function write(tx: InstanceContext, before: User, change: Prisma.UserUpdateInput): Promise<User> {
  return fromRow(await tx.db.user.update({ where: key(tx, before.id), data: { ...change, version: before.version + 1, updatedAt: tx.now() } }));
}

/** The database has the last word: two requests may pass the check at the same time. */
async function refusingTwins<Result>(user: UpdateUser, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (isUniqueViolation(error)) throw identifierTaken((['username', 'email', 'phone'] as const).filter((field) => user[field]));
    throw error;
  }
}

/** The columns that are taken as they come; what is not named is left out. */
function profileOf(user: UpdateUser) {
  const { givenName, familyName, email, phone, locale, timeZone, externalId, expiresAt } = user;
  const named = { givenName, familyName, email, phone, locale, timeZone, externalId };
  return {
    ...Object.fromEntries(Object.entries(named).filter(([, value]) => value !== undefined)) as Partial<Record<keyof typeof named, string | null>>,
    ...(expiresAt !== undefined && { expiresAt: expiresAt === null ? null : new Date(expiresAt) }),
  };
}

function defaultDisplayName(user: CreateUser): string {
  return [user.givenName, user.familyName].filter(Boolean).join(' ') || user.username;
}
