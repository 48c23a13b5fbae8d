/** A set of recovery codes: shown once, kept when the person says to have them. A new set voids the old one. */
import { z } from 'zod';
import { newId } from '../../core/ids.ts';
import { append } from '../../events/index.ts';
import { credentialAdded, credentialRemoved } from '../credential-events.ts';
import { tellOwner } from '../owner-notices.ts';
import { draftCodes, findRecoveryCodes, hashCode } from '../recovery-codes.ts';
import type { Enrolment } from './enrolment.ts';

const input = z.object({ kept: z.enum(['true', 'on', '1']) });
const credentialSchema = z.object({ id: z.string(), codes: z.array(z.string()) });
const name = 'Recovery codes';

export const recoveryCodesEnrolment: Enrolment<z.infer<typeof input>> = {
  method: 'recovery_code',
  input,

  async describe(context, facts) {
    if (!facts.user) return undefined;
    return {
      method: 'recovery_code', do: 'recovery_code.enrol', data: { codes: draftCodes(context, facts.flowId, facts.user.id) },
      fields: [{ name: 'kept', type: 'checkbox', required: true }] };
  },

  async verify(context, facts) {
    if (!facts.user) return { code: 'Params.Illegal', field: 'kept', unchecked: true };
    const id = newId('rcodes', context.now().getTime());
    return {
      credential: { id, codes: draftCodes(context, facts.flowId, facts.user.id) } satisfies z.infer<typeof credentialSchema>,
      proof: { method: 'recovery_code', authenticator: `recovery_code/${facts.user.id}`, categories: ['possession'], amr: ['otp'], phishingResistant: false, provenAt: context.now(), use: 'enrolment' } };
  },

  async store(tx, userId, credential) {
    const { id, codes } = credentialSchema.parse(credential);
    // Two flows that end at once leave one set: the later one waits for the row of the user, and deletes the other's.
    await tx.db.$queryRaw`SELECT 1 FROM "User" WHERE "instanceId" = ${tx.instance.id} AND id = ${userId} FOR UPDATE`;
    await tx.db.recoveryCode.deleteMany({ where: { userId } });
    await tx.db.recoveryCode.createMany({ data: codes.map((code) => ({ userId, setId: id, hash: hashCode(tx, userId, code), createdAt: tx.now() })) });
    await append(tx, credentialAdded(userId, { id, method: 'recovery_code', name }));
    await tellOwner(tx, userId, 'recovery_codes_changed');
  },

  async list(context, userId) {
    const codes = await findRecoveryCodes(context, userId);
    return codes ? [{ id: codes.setId, method: 'recovery_code', name, createdAt: codes.createdAt, lastUsedAt: codes.lastUsedAt, detail: `${codes.left} left` }] : [];
  },

  async remove(tx, userId, credentialId) {
    const { count } = await tx.db.recoveryCode.deleteMany({ where: { userId, setId: credentialId } });
    if (count === 0) return false;
    await append(tx, credentialRemoved(userId, { id: credentialId, method: 'recovery_code', name }));
    await tellOwner(tx, userId, 'factor_removed', { method: name });
    return true;
  },
};
