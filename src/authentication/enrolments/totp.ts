/** An authenticator app: its secret is shown once, and kept when the app has shown a code of it. */
import { z } from 'zod';
import { text } from '../../core/http/text.ts';
import { newId } from '../../core/ids.ts';
import { append } from '../../events/index.ts';
import { credentialAdded, credentialRemoved, credentialRenamed } from '../credential-events.ts';
import { totpProof } from '../factors/totp.ts';
import type { Facts } from '../flow/facts.ts';
import { tellOwner } from '../owner-notices.ts';
import { draftSecret, findStep, keyUri, listTotpCredentials, mostTotpCredentials, sealSecret } from '../totp-credentials.ts';
import type { Enrolment } from './enrolment.ts';

const input = z.object({ code: z.string().min(6).max(20), name: z.union([z.literal(''), text(60)]).optional() });
const credentialSchema = z.object({ id: z.string(), name: z.string(), secret: z.string(), step: z.int() });
const fallbackName = 'Authenticator';

export const totpEnrolment: Enrolment<z.infer<typeof input>> = {
  method: 'totp',
  input,

  async describe(context, facts) {
    const person = personOf(facts);
    if (!person || (facts.user && (await listTotpCredentials(context, facts.user.id)).length >= mostTotpCredentials)) return undefined;
    const secret = draftSecret(context, facts.flowId, person.id, placeOf(facts));
    return {
      method: 'totp', do: 'totp.enrol', data: { secret, uri: keyUri(context, person.username, secret) },
      fields: [
        { name: 'code', type: 'text', required: true, autocomplete: 'one-time-code', inputMode: 'numeric', maxLength: 20 },
        { name: 'name', type: 'text', required: false, autocomplete: 'off', maxLength: 60 },
      ] };
  },

  async verify(context, facts, { code, name }) {
    const person = personOf(facts);
    if (!person) return { code: 'Operation.Failure.Code.Invalid', field: 'code' };
    const secret = draftSecret(context, facts.flowId, person.id, placeOf(facts));
    const step = findStep(secret, code, context.now());
    if (step === undefined) return { code: 'Operation.Failure.Code.Invalid', field: 'code', ...(facts.user && { userId: facts.user.id }) };
    const id = newId('totp', context.now().getTime());
    return {
      credential: { id, name: name?.trim() || fallbackName, secret, step } satisfies z.infer<typeof credentialSchema>,
      proof: totpProof(id, context.now(), 'enrolment') };
  },

  async store(tx, userId, credential) {
    const { id, name, secret, step } = credentialSchema.parse(credential);
    await tx.db.totpCredential.create({ data: { id, userId, name, sealedSecret: sealSecret(tx, id, secret), lastStep: step, createdAt: tx.now() } });
    await append(tx, credentialAdded(userId, { id, method: 'totp', name }));
    await tellOwner(tx, userId, 'factor_added', { method: name });
  },

  async list(context, userId) {
    const rows = await listTotpCredentials(context, userId);
    return rows.map(({ id, name, createdAt, lastUsedAt }) => ({ id, method: 'totp', name, createdAt, lastUsedAt }));
  },

  async rename(tx, userId, credentialId, name) {
    const row = await tx.db.totpCredential.findFirst({ where: { id: credentialId, userId } });
    if (!row) return false;
    await tx.db.totpCredential.updateMany({ where: { id: credentialId, userId }, data: { name } });
    await append(tx, credentialRenamed(userId, { id: row.id, method: 'totp', name: row.name }, name));
    return true;
  },

  async remove(tx, userId, credentialId) {
    const row = await tx.db.totpCredential.findFirst({ where: { id: credentialId, userId } });
    const { count } = await tx.db.totpCredential.deleteMany({ where: { id: credentialId, userId } });
    if (!row || count !== 1) return false;
    await append(tx, credentialRemoved(userId, { id: row.id, method: 'totp', name: row.name }));
    await tellOwner(tx, userId, 'factor_removed', { method: row.name });
    return true;
  },
};

/** Also somebody whose account is made when the flow ends. */
const personOf = (facts: Facts): { id: string; username: string } | undefined =>
  facts.user ?? (facts.newUser ? { id: 'new', username: facts.identifier ?? '' } : undefined);

/** Several in one flow have secrets of their own. */
const placeOf = (facts: Facts): number => facts.proofs.filter(({ method, use }) => method === 'totp' && use === 'enrolment').length;
