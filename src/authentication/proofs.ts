/** Proofs as they lie in flows and sessions (JSON), read back strictly: a row that cannot be read proves nothing. */
import { z } from 'zod';
import type { Prisma } from '../generated/prisma/client.ts';
import type { Proof } from './types.ts';

const stored = z.array(z.object({
  method: z.enum(['password', 'otp_email', 'otp_sms', 'magic_link', 'totp', 'webauthn', 'recovery_code', 'identity_source', 'remembered_device', 'setup_link']),
  authenticator: z.string(),
  categories: z.array(z.enum(['knowledge', 'possession', 'inherence', 'federated'])),
  amr: z.array(z.string()),
  phishingResistant: z.boolean(),
  provenAt: z.coerce.date(),
  use: z.enum(['sign_in', 'recovery', 'enrolment']),
}));

export const readProofs = (json: unknown): Proof[] => stored.parse(json);

export const writeProofs = (proofs: readonly Proof[]): Prisma.InputJsonArray =>
  proofs.map((proof) => ({ ...proof, categories: [...proof.categories], amr: [...proof.amr], provenAt: proof.provenAt.toISOString() }));

/** One proof for each authenticator: the latest. */
export function mergeProofs(...lists: readonly (readonly Proof[])[]): Proof[] {
  const latest = new Map<string, Proof>();
  for (const proof of lists.flat()) {
    const id = `${proof.method}\n${proof.authenticator}\n${proof.use}`;
    const before = latest.get(id);
    if (!before || before.provenAt <= proof.provenAt) latest.set(id, proof);
  }
  return [...latest.values()];
}
