import { randomInt } from 'node:crypto';
import { assignRole } from '../access/index.ts';
import { createSetupLink, setPassword } from '../authentication/index.ts';
import { createUser, type User } from '../directory/index.ts';
import type { InstanceContext } from '../tenancy/index.ts';

export interface FirstAdministrator {
  username: string;
  displayName?: string | undefined;
  email?: string | undefined;
  /** Undefined: a random one, to be changed at the first sign-in. */
  password?: string | undefined;
}

export interface CreatedAdministrator {
  readonly user: User;
  readonly generatedPassword: string | undefined;
  /** The one-time link to set the account up. */
  readonly url: string;
  readonly expiresAt: Date;
}

/** Creates an owner of the instance, with a password and a set-up link. @throws Problem 400 when the password breaks the policy */
export function createFirstAdministrator(context: InstanceContext, administrator: FirstAdministrator): Promise<CreatedAdministrator> {
  const { password, username, displayName, email } = administrator;
  return context.transaction(async (tx) => {
    const user = await createUser(tx, { username, ...(displayName !== undefined && { displayName }), ...(email !== undefined && { email }) });
    const generatedPassword = password === undefined ? generatePassword() : undefined;
    await setPassword(tx, user, { password: password ?? generatedPassword ?? '', mustChange: generatedPassword !== undefined });
    await assignRole(tx, user.id, 'owner');
    const { url, expiresAt } = await createSetupLink(tx, user.id);
    return { user, generatedPassword, url, expiresAt };
  });
}

/** Five groups of four characters that cannot be mistaken for each other: 98 bits. */
function generatePassword(): string {
  const alphabet = 'abcdefghjkmnpqrstuvwxyz23456789';
  const group = () => Array.from({ length: 4 }, () => alphabet.charAt(randomInt(alphabet.length))).join('');
  return Array.from({ length: 5 }, group).join('-');
}
