/** Making a passkey. It waits in the flow, and belongs to the account when the flow completes. */
import { z } from 'zod';
import { text } from '../../core/http/text.ts';
import { conflict } from '../../core/errors.ts';
import { newId } from '../../core/ids.ts';
import { append } from '../../events/index.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import { credentialAdded, credentialRemoved, credentialRenamed } from '../credential-events.ts';
import type { Enrolment } from '../enrolments/enrolment.ts';
import type { Refusal } from '../factors/factor.ts';
import type { Facts } from '../flow/facts.ts';
import { tellOwner } from '../owner-notices.ts';
import { challengeOf, credentialText, largestAnswerBytes, readRegistration, type RegistrationAnswer } from './answers.ts';
import { judgeModel, readStatement } from './attestation.ts';
import { makeChallenge, useChallenge } from './challenge.ts';
import { descriptor, findPasskey, listPasskeys, mostPasskeys, userHandleOf } from './credentials.ts';
import { dialogMilliseconds, passkeyProof } from './factor.ts';
import { algorithms, verifyRegistrationResponse } from './library.ts';
import { fallbackName, modelName } from './models.ts';
import { expectedOrigins, rpIdOf, rpNameOf } from './relying-party.ts';

const input = z.object({ credential: credentialText, name: z.union([z.literal(''), text(60)]).optional() });

const credentialSchema = z.object({
  id: z.string(), rpId: z.string(), credentialId: z.string(), publicKey: z.base64url(), signCount: z.int(), aaguid: z.string(), name: z.string(),
  transports: z.array(z.string()), backupEligible: z.boolean(), backedUp: z.boolean(), attested: z.boolean() });
type NewPasskey = z.infer<typeof credentialSchema>;

const refused: Refusal = { code: 'Passkey.Not.Made', field: 'credential' };

export const webauthnEnrolment: Enrolment<z.infer<typeof input>> = {
  method: 'webauthn',
  input,

  async describe(context, facts) {
    const existing = facts.user && await listPasskeys(context, facts.user.id);
    if (!facts.user || !existing || existing.length >= mostPasskeys) return undefined;
    const rpId = rpIdOf(context);
    const { userVerification, attestation } = context.instance.settings.passkeys;
    return {
      method: 'webauthn', do: 'webauthn.enrol',
      data: {
        challenge: makeChallenge(context, facts.flowId, 'enrolment'), rp: { id: rpId, name: rpNameOf(context) },
        user: { id: userHandleOf(context, facts.user.id), name: facts.user.username, displayName: facts.user.username },
        pubKeyCredParams: algorithms.map((alg) => ({ type: 'public-key', alg })), timeout: dialogMilliseconds, attestation,
        authenticatorSelection: { residentKey: 'required', requireResidentKey: true, userVerification },
        excludeCredentials: existing.filter((passkey) => passkey.rpId === rpId).map(descriptor), extensions: { credProps: true },
      },
      fields: [
        { name: 'credential', type: 'hidden', required: true, maxLength: largestAnswerBytes },
        { name: 'name', type: 'text', required: false, autocomplete: 'off', maxLength: 60 },
      ] };
  },

  async verify(context, facts, { credential, name }) {
    const answer = readRegistration(credential);
    const challenge = answer && challengeOf(answer.response.clientDataJSON);
    if (!facts.user || !answer || challenge === undefined || !await useChallenge(context, facts.flowId, 'enrolment', challenge)) return refused;
    const made = await check(context, facts, answer, challenge);
    if ('code' in made) return { ...made, userId: facts.user.id };
    const { userVerified, model, ...passkey } = made;
    // WebAuthn §7.1 step 26: a credential id belongs to one person.
    if (await findPasskey(context, passkey.credentialId)) return { code: 'Passkey.Exists', field: 'credential', userId: facts.user.id };
    const id = newId('passkey', context.now().getTime());
    return {
      credential: { ...passkey, id, name: name?.trim() || model || fallbackName } satisfies NewPasskey,
      proof: passkeyProof({ id, attested: passkey.attested, backupEligible: passkey.backupEligible }, { userVerified, provenAt: context.now(), use: 'enrolment' }) };
  },

  async store(tx, userId, credential) {
    const { publicKey, signCount, ...rest } = credentialSchema.parse(credential);
    const { count } = await tx.db.passkey.createMany({
      data: [{ ...rest, userId, publicKey: Buffer.from(publicKey, 'base64url'), signCount: BigInt(signCount), createdAt: tx.now() }], skipDuplicates: true });
    if (count === 0) {
      // Made twice in one flow: it is there. Somebody else was faster with the same id: it is not ours.
      if ((await findPasskey(tx, rest.credentialId))?.userId !== userId) throw conflict('Operation.Failure.Passkey.Exists', 'This passkey belongs to another account.');
      return;
    }
    await append(tx, credentialAdded(userId, { id: rest.id, method: 'webauthn', name: rest.name }));
    await tellOwner(tx, userId, 'factor_added', { method: rest.name });
  },

  async list(context, userId) {
    const rows = await listPasskeys(context, userId);
    return rows.map(({ id, name, createdAt, lastUsedAt, aaguid, backedUp }) => {
      const detail = [modelName(aaguid), backedUp ? 'synced' : undefined].filter((part) => part !== undefined).join(', ');
      return { id, method: 'webauthn' as const, name, createdAt, lastUsedAt, ...(detail !== '' && { detail }) };
    });
  },

  async rename(tx, userId, credentialId, name) {
    const row = await tx.db.passkey.findFirst({ where: { id: credentialId, userId } });
    if (!row) return false;
    await tx.db.passkey.updateMany({ where: { id: credentialId, userId }, data: { name } });
    await append(tx, credentialRenamed(userId, { id: row.id, method: 'webauthn', name: row.name }, name));
    return true;
  },

  async remove(tx, userId, credentialId) {
    const row = await tx.db.passkey.findFirst({ where: { id: credentialId, userId } });
    const { count } = await tx.db.passkey.deleteMany({ where: { id: credentialId, userId } });
    if (!row || count !== 1) return false;
    await append(tx, credentialRemoved(userId, { id: row.id, method: 'webauthn', name: row.name }));
    await tellOwner(tx, userId, 'factor_removed', { method: row.name });
    return true;
  },
};

type Made = Omit<NewPasskey, 'id' | 'name'> & { userVerified: boolean; model: string | undefined };

/** The answer as a whole (WebAuthn §7.1), then the policy of the instance. */
async function check(context: InstanceContext, facts: Facts, answer: RegistrationAnswer, challenge: string): Promise<Made | Refusal> {
  const rpId = rpIdOf(context);
  const expectedOrigin = await expectedOrigins(context, facts);
  const checked = await verify(context, rpId, expectedOrigin, answer, challenge).catch((error: unknown) => {
    context.core.log.debug({ err: error, instanceId: context.instance.id }, 'A new passkey was refused');
    return undefined;
  });
  if (!checked) return refused;
  const { statement, info: { credential, aaguid, userVerified, credentialBackedUp, credentialDeviceType } } = checked;
  const judgement = await judgeModel(context, aaguid, statement);
  if ('refused' in judgement) return { code: judgement.refused, field: 'credential' };
  return {
    rpId, credentialId: credential.id, publicKey: Buffer.from(credential.publicKey).toString('base64url'), signCount: credential.counter, aaguid,
    transports: answer.response.transports, backupEligible: credentialDeviceType === 'multiDevice', backedUp: credentialBackedUp,
    attested: judgement.attested, userVerified, model: judgement.model?.description.slice(0, 60) ?? modelName(aaguid) };
}

async function verify(context: InstanceContext, expectedRPID: string, expectedOrigin: string[], answer: RegistrationAnswer, expectedChallenge: string) {
  const statement = readStatement(context, answer.response.attestationObject);
  const { id, rawId, type, response: { clientDataJSON } } = answer;
  const result = await verifyRegistrationResponse({
    response: { id, rawId, type, clientExtensionResults: {}, response: { clientDataJSON, attestationObject: statement.attestationObject } },
    expectedChallenge, expectedOrigin, expectedRPID, supportedAlgorithmIDs: [...algorithms],
    requireUserVerification: context.instance.settings.passkeys.userVerification === 'required',
  });
  // The id that the browser says must be the one that was signed for.
  return result.verified && result.registrationInfo.credential.id === id ? { statement, info: result.registrationInfo } : undefined;
}
