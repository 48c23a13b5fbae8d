/**
 * The passkey: by its own name (autofill or a button, before anything was typed), beside a typed name, or as a second
 * factor. What the browser was asked for is a wish; what counts is checked here.
 */
import { z } from 'zod';
import { findUserByIdentifier } from '../../directory/index.ts';
import type { Passkey } from '../../generated/prisma/client.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import type { Factor, Refusal } from '../factors/factor.ts';
import { isFirstFactorHere } from '../factors/offered.ts';
import type { Facts } from '../flow/facts.ts';
import type { MethodView, Proof } from '../types.ts';
import { type AssertionAnswer, challengeOf, credentialText, largestAnswerBytes, readAssertion } from './answers.ts';
import { makeChallenge, useChallenge } from './challenge.ts';
import { descriptor, findPasskey, noteUse, usablePasskeys, userHandleOf } from './credentials.ts';
import { verifyAuthenticationResponse } from './library.ts';
import { expectedOrigins, rpIdOf } from './relying-party.ts';

const input = z.object({ credential: credentialText });

/** How long the browser's own dialog stays, milliseconds (WebAuthn §15.1). */
export const dialogMilliseconds = 300_000;

const refused: Refusal = { code: 'Operation.Failure.Credential.Invalid', field: 'credential' };

export const webauthn: Factor<z.infer<typeof input>> = {
  method: 'webauthn',
  categories: ['possession', 'inherence'],
  phishingResistant: true,
  steps: ['identify', 'first_factor', 'second_factor'],
  input,

  async describe(context, facts, step) {
    if (step !== 'second_factor' && !isFirstFactorHere(context, facts, 'webauthn')) return [];
    // Whoever has shown who they are may see which passkeys they have; nobody else learns that from us.
    const own = facts.user ? await usablePasskeys(context, facts.user.id) : [];
    if (step === 'second_factor' && own.length === 0) return [];
    return [viewWith({
      challenge: makeChallenge(context, facts.flowId, 'sign_in'), rpId: rpIdOf(context), timeout: dialogMilliseconds,
      userVerification: context.instance.settings.passkeys.userVerification,
      allowCredentials: own.map(descriptor),
    })];
  },

  async verify(context, facts, { credential }) {
    const answer = readAssertion(credential);
    const challenge = answer && challengeOf(answer.response.clientDataJSON);
    if (!answer || challenge === undefined || !await useChallenge(context, facts.flowId, 'sign_in', challenge)) return refused;
    const passkey = await findPasskey(context, answer.id);
    // Credential ids are random: to know one that is gone, one must have had it.
    if (!passkey) return { code: 'Passkey.Unknown', field: 'credential' };
    if (!await isOfThisFlow(context, facts, passkey, answer)) return refused;
    const seen = await check(context, facts, passkey, answer, challenge);
    if (!seen || !await noteUse(context, passkey, seen)) return { ...refused, userId: passkey.userId };
    return { userId: passkey.userId, proof: passkeyProof(passkey, { userVerified: seen.userVerified, provenAt: context.now(), use: 'sign_in' }) };
  },
};

const viewWith = (data: object): MethodView => ({
  method: 'webauthn', do: 'webauthn.verify', data, fields: [{ name: 'credential', type: 'hidden', required: true, maxLength: largestAnswerBytes }] });

/** Proves to be the person of the flow, or the one whose name was typed; with neither, the passkey says who. */
async function isOfThisFlow(context: InstanceContext, facts: Facts, { userId }: Passkey, { response: { userHandle } }: AssertionAnswer): Promise<boolean> {
  if (facts.user ? facts.user.id !== userId : facts.identifier !== undefined && (await findUserByIdentifier(context, facts.identifier))?.id !== userId) return false;
  // WebAuthn §7.2 step 6: without a list of credentials the authenticator must name the user; with one it may.
  return userHandle ? userHandle === userHandleOf(context, userId) : facts.user !== undefined;
}

interface Seen { readonly counter: number; readonly backedUp: boolean; readonly userVerified: boolean }

/** Undefined: something about the answer is wrong. */
async function check(context: InstanceContext, facts: Facts, passkey: Passkey, answer: AssertionAnswer, challenge: string): Promise<Seen | undefined> {
  const expectedOrigin = await expectedOrigins(context, facts);
  const { userHandle, ...response } = answer.response;
  const result = await verifyAuthenticationResponse({
    response: { ...answer, clientExtensionResults: {}, response: { ...response, ...(userHandle && { userHandle }) } },
    expectedChallenge: challenge, expectedOrigin, expectedRPID: passkey.rpId,
    requireUserVerification: context.instance.settings.passkeys.userVerification === 'required',
    // The counter is ours to judge (credentials.ts).
    credential: { id: passkey.credentialId, publicKey: new Uint8Array(passkey.publicKey), counter: 0 },
  }).catch((error: unknown) => {
    context.core.log.debug({ err: error, instanceId: context.instance.id }, 'A passkey answer was refused');
    return undefined;
  });
  if (!result?.verified) return undefined;
  const { newCounter, userVerified, credentialBackedUp, credentialDeviceType } = result.authenticationInfo;
  // Whether a passkey may be copied is settled when it is made (WebAuthn §6.1.3).
  if ((credentialDeviceType === 'multiDevice') !== passkey.backupEligible) return undefined;
  return { counter: newCounter, backedUp: credentialBackedUp, userVerified };
}

/** RFC 8176: possession of a key; `hwk` only where its maker vouches for hardware that does not let it out. */
export const passkeyProof = (passkey: Pick<Passkey, 'id' | 'attested' | 'backupEligible'>, { userVerified, provenAt, use }: Pick<Proof, 'provenAt' | 'use'> & { userVerified: boolean }): Proof => ({
  method: 'webauthn', authenticator: passkey.id, categories: userVerified ? ['possession', 'inherence'] : ['possession'],
  amr: [passkey.attested && !passkey.backupEligible ? 'hwk' : 'pop', 'user'], phishingResistant: true, provenAt, use });
