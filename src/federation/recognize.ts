/** Who a person of a source is here. Only what the source has verified, and may speak for, leads to an account. */
import { randomBytes } from 'node:crypto';
import { createUserSchema, findUserByIdentifier, foldIdentifier, type CreateUser, type User } from '../directory/index.ts';
import type { InstanceContext } from '../tenancy/index.ts';
import type { OutsideIdentity } from './connectors/connector.ts';
import { connectorOf } from './connectors/index.ts';
import type { IdentitySource } from './source.ts';

/** An address that the source has verified and may speak for: it proves mailboxes itself, or the domain is its own. */
export function provenAddress(source: IdentitySource, { email }: OutsideIdentity): string | undefined {
  if (!email?.verified) return undefined;
  const domain = email.address.slice(email.address.lastIndexOf('@') + 1).toLowerCase();
  return connectorOf(source.kind).provesMailboxes === true || source.domains.includes(domain) ? email.address : undefined;
}

/**
 * The account with the same address, where both sides have verified it. Not one that somebody else of this source is
 * connected with: an address that moved to a new person at the source must not take the account along.
 */
export async function findByVerifiedAddress(context: InstanceContext, linksAs: string, address: string | undefined): Promise<User | undefined> {
  const user = address === undefined ? undefined : await findUserByIdentifier(context, address);
  if (!user || !isVerifiedAddressOf(user, address)) return undefined;
  return await context.db.linkedIdentity.count({ where: { userId: user.id, sourceId: linksAs } }) === 0 ? user : undefined;
}

export const isVerifiedAddressOf = (user: User, address: string | undefined): boolean =>
  address !== undefined && user.email !== null && user.emailVerified && foldIdentifier(user.email) === foldIdentifier(address);

/** A new account, as far as the source's word goes: an address that is somebody's here, or unproven, is left out. */
export async function draftUser(context: InstanceContext, source: IdentitySource, identity: OutsideIdentity): Promise<CreateUser> {
  const address = provenAddress(source, identity);
  const isFree = address !== undefined && await findUserByIdentifier(context, address) === undefined;
  const name = (value: string | undefined, longest: number) => value?.replace(/[\p{Cc}\p{Cs}\p{Co}\p{Cn}]/gu, '').trim().slice(0, longest).trim() || undefined;
  const wanted = {
    displayName: name(identity.displayName, 120), givenName: name(identity.givenName, 80), familyName: name(identity.familyName, 80),
    ...(isFree && { email: address }),
  };
  const username = await freeUsername(context, source, identity, isFree ? address : undefined);
  const full = createUserSchema.safeParse({ username, ...wanted });
  // A name that we do not take is no reason to refuse the person.
  return full.success ? full.data : { username, displayName: username };
}

async function freeUsername(context: InstanceContext, source: IdentitySource, identity: OutsideIdentity, address: string | undefined): Promise<string> {
  const base = [identity.username, address?.split('@')[0], identity.displayName].find((candidate) => candidate !== undefined && isUsername(candidate)) ?? source.kind.replaceAll('_', '-');
  const candidates = [base, ...Array.from({ length: 3 }, () => `${base.slice(0, 50)}-${randomBytes(4).toString('hex')}`)];
  for (const candidate of candidates) if (isUsername(candidate) && candidate !== source.kind && !await isTaken(context, candidate)) return candidate;
  return `user-${randomBytes(8).toString('hex')}`;
}

/** Also by a deleted account until it is erased. */
async function isTaken(context: InstanceContext, username: string): Promise<boolean> {
  const key = foldIdentifier(username);
  return await context.db.user.count({ where: { OR: [{ usernameKey: key }, { emailKey: key }] } }) > 0;
}

/** Nobody gets a name that reads as an address or number: it could be another one's. */
const isUsername = (text: string) => !text.includes('@') && !/^\+?[\d\s-]+$/.test(text) && createUserSchema.shape.username.safeParse(text).success;
