/** What a user has set up, over all methods. */
import { append } from '../events/index.ts';
import type { InstanceContext } from '../tenancy/index.ts';
import { credentialsReset } from './credential-events.ts';
import { enrolments, listCredentials } from './enrolments/index.ts';
import { credentialNotFound, credentialWithoutName } from './errors.ts';
import { forgetDevices } from './second-factor/remembered-devices.ts';
import { endAllOfUser } from './sessions.ts';
import type { CredentialView } from './types.ts';

/** @throws Problem 404 */
export async function loadCredential(context: InstanceContext, userId: string, credentialId: string): Promise<CredentialView> {
  const credential = (await listCredentials(context, userId)).find(({ id }) => id === credentialId);
  if (!credential) throw credentialNotFound(credentialId);
  return credential;
}

/** @throws Problem 404; 400 for a kind that has no names of its own */
export async function renameCredential(context: InstanceContext, userId: string, credentialId: string, name: string): Promise<void> {
  const { method } = await loadCredential(context, userId, credentialId);
  const enrolment = enrolments.find((each) => each.method === method);
  const { rename } = enrolment ?? {};
  if (!rename) throw credentialWithoutName();
  if (!await context.transaction((tx) => rename(tx, userId, credentialId, name))) throw credentialNotFound(credentialId);
}

/** @throws Problem 404 */
export async function removeCredential(context: InstanceContext, userId: string, credentialId: string): Promise<void> {
  const { method } = await loadCredential(context, userId, credentialId);
  const enrolment = enrolments.find((each) => each.method === method);
  const isRemoved = enrolment && await context.transaction(async (tx) => {
    if (!await enrolment.remove(tx, userId, credentialId)) return false;
    await forgetDevices(tx, userId, 'factor_removed');
    return true;
  });
  if (!isRemoved) throw credentialNotFound(credentialId);
}

/** Removes everything at once, for a lost telephone; whoever has it is signed out. Returns how many there were. */
export async function resetCredentials(context: InstanceContext, userId: string): Promise<number> {
  return context.transaction(async (tx) => {
    let removed = 0;
    for (const enrolment of enrolments) {
      for (const { id } of await enrolment.list(tx, userId)) removed += Number(await enrolment.remove(tx, userId, id));
    }
    await append(tx, credentialsReset(userId, removed));
    await forgetDevices(tx, userId, 'factor_removed');
    await endAllOfUser(tx, userId, 'administrator');
    return removed;
  });
}
