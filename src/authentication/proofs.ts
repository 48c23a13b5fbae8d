/** Proofs as they lie in flows and sessions (JSON), read back strictly: a row that cannot be read proves nothing. */
import { z } from 'zod';
import type { Prisma } from '../generated/prisma/client.ts';
import type { Proof } from './types.ts';

export const methodSchema = z.enum(['password', 'otp_email', 'otp_sms', 'magic_link', 'totp', 'webauthn', 'recovery_code', 'identity_source', 'remembered_device', 'setup_link']);
const storedProof = z.object({
  method: methodSchema,
  authenticator: z.string(),
  categories: z.array(z.enum(['knowledge', 'possession', 'inherence', 'federated'])),
  amr: z.array(z.string()),
  phishingResistant: z.boolean(),
  provenAt: z.coerce.date(),
  use: z.enum(['sign_in', 'recovery', 'enrolment']),
  standsFor: z.array(methodSchema).optional(),
});
const stored = z.array(storedProof);
const storedHeld = z.array(storedProof.extend({ heldSince: z.coerce.date() }));

export const readProofs = (json: unknown): Proof[] => stored.parse(json);

export const writeProofs = (proofs: readonly Proof[]): Prisma.InputJsonArray =>
  proofs.map(writeProof);

/** A proof of a session, with when the session got it: a token that was replaced at that time never speaks for it. */
export interface HeldProof extends Proof { readonly heldSince: Date }

export const readHeldProofs = (json: unknown): HeldProof[] => storedHeld.parse(json);

export const writeHeldProofs = (proofs: readonly HeldProof[]): Prisma.InputJsonArray =>
  proofs.map((proof) => ({ ...writeProof(proof), heldSince: proof.heldSince.toISOString() }));

const writeProof = ({ standsFor, ...proof }: Proof): Prisma.InputJsonObject => ({
  ...proof, categories: [...proof.categories], amr: [...proof.amr], provenAt: proof.provenAt.toISOString(), ...(standsFor && { standsFor: [...standsFor] }) });

/** Adds proofs to a session. The one before of each authenticator stays, for the tokens that are being replaced. */
export function addProofs(held: readonly HeldProof[], added: readonly Proof[], now: Date): HeldProof[] {
  return [...mergeProofs(held), ...added.map((proof) => ({ ...proof, heldSince: now }))];
}

/** One proof for each authenticator: the latest. */
export function mergeProofs<Kind extends Proof>(...lists: readonly (readonly Kind[])[]): Kind[] {
  const latest = new Map<string, Kind>();
  for (const proof of lists.flat()) {
    const id = `${proof.method}\n${proof.authenticator}\n${proof.use}`;
    const before = latest.get(id);
    if (!before || before.provenAt <= proof.provenAt) latest.set(id, proof);
  }
  return [...latest.values()];
}
