/**
 * Challenges are not stored: nonce ‖ expiry ‖ HMAC over instance, flow and use. A page may be loaded as often as one
 * likes without a row; using a challenge inserts it, and it is used up by the first try, whatever came of it.
 */
import { randomBytes } from 'node:crypto';
import { sha256 } from '../../core/secrets.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import { browserFlowSeconds } from '../proof-kinds.ts';

export type ChallengeUse = 'sign_in' | 'enrolment';

const purpose = 'passkey-challenge';
const [nonceBytes, expiryBytes, macBytes] = [16, 8, 32];

/** Works as long as the page may wait: autofill answers when somebody picks a passkey. Returns base64url. */
export function makeChallenge(context: InstanceContext, flowId: string, use: ChallengeUse): string {
  const head = Buffer.alloc(nonceBytes + expiryBytes);
  randomBytes(nonceBytes).copy(head);
  head.writeBigUInt64BE(BigInt(context.now().getTime() + browserFlowSeconds * 1_000), nonceBytes);
  const mac = Buffer.from(context.core.keyring.hmac(purpose, bound(context, flowId, use, head)), 'base64url');
  return Buffer.concat([head, mac]).toString('base64url');
}

/** Uses it up. False: not ours, of another flow, instance or use, too old, or used before. */
export async function useChallenge(context: InstanceContext, flowId: string, use: ChallengeUse, challenge: string): Promise<boolean> {
  const bytes = Buffer.from(challenge, 'base64url');
  if (bytes.length !== nonceBytes + expiryBytes + macBytes || bytes.toString('base64url') !== challenge) return false;
  const head = bytes.subarray(0, nonceBytes + expiryBytes);
  if (!context.core.keyring.verifyHmac(purpose, bound(context, flowId, use, head), bytes.subarray(head.length).toString('base64url'))) return false;
  const expiresAt = new Date(Number(head.readBigUInt64BE(nonceBytes)));
  if (expiresAt <= context.now()) return false;
  const { count } = await context.db.usedProof.createMany({ data: [{ kind: 'webauthn', hash: sha256(challenge), expiresAt }], skipDuplicates: true });
  return count === 1;
}

const bound = (context: InstanceContext, flowId: string, use: ChallengeUse, head: Buffer) => [context.instance.id, flowId, use, head.toString('base64url')].join('\n');
