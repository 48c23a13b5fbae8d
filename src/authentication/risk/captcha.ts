/**
 * The built-in captcha: work instead of a puzzle. The server signs a challenge for one flow; the browser finds a number
 * with which its SHA-256 begins with so many zero bits. Nothing is stored until it is answered, then it is used up.
 * A browser without JavaScript waits instead. No third party hears of anybody.
 */
import { createHash } from 'node:crypto';
import { randomToken, sha256 } from '../../core/secrets.ts';
import type { InstanceContext } from '../../tenancy/index.ts';

/** How long a challenge can be answered. */
export const challengeSeconds = 900;

export interface CaptchaChallenge {
  /** `{nonce}.{made at, seconds}.{bits}.{wait, seconds}.{signature}`: the number is hashed behind it. */
  readonly challenge: string;
  readonly difficulty: number;
  readonly waitSeconds: number;
}

export type CaptchaVerdict = 'right' | 'wrong' | 'too soon' | 'stale';

/** A challenge for one flow. Changes nothing. */
export function makeChallenge(context: InstanceContext, flowId: string): CaptchaChallenge {
  const { difficulty, waitSeconds } = context.instance.settings.captcha;
  const text = `${randomToken(12)}.${seconds(context)}.${difficulty}.${waitSeconds}`;
  return { challenge: `${text}.${sign(context, flowId, text)}`, difficulty, waitSeconds };
}

/** Checks an answer and uses the challenge up. `solution` empty: the browser waited. */
export async function checkAnswer(context: InstanceContext, flowId: string, challenge: string, solution: string): Promise<CaptchaVerdict> {
  const [nonce, madeAt, bits, wait, signature, ...rest] = challenge.split('.');
  const text = `${nonce}.${madeAt}.${bits}.${wait}`;
  if (signature === undefined || rest.length > 0 || !context.core.keyring.verifyHmac('captcha', signedText(context, flowId, text), signature)) return 'stale';
  const age = seconds(context) - Number(madeAt);
  if (!(age >= 0 && age <= challengeSeconds)) return 'stale';
  if (solution === '') {
    if (Number(wait) === 0) return 'wrong';
    if (age < Number(wait)) return 'too soon';
  } else if (!/^\d{1,12}$/.test(solution) || zeroBits(createHash('sha256').update(`${challenge}.${solution}`).digest()) < Number(bits)) {
    return 'wrong';
  }
  const { count } = await context.db.usedProof.createMany({
    data: [{ kind: 'captcha', hash: sha256(challenge), expiresAt: new Date(context.now().getTime() + challengeSeconds * 1_000) }], skipDuplicates: true });
  return count === 1 ? 'right' : 'stale';
}

/** How many bits are zero before the first that is one. */
export function zeroBits(digest: Uint8Array): number {
  const first = digest.findIndex((byte) => byte !== 0);
  return first === -1 ? digest.length * 8 : first * 8 + Math.clz32(digest[first] ?? 0) - 24;
}

/** What a browser does, for tests and programs. */
export function solve({ challenge, difficulty }: Pick<CaptchaChallenge, 'challenge' | 'difficulty'>): string {
  for (let number = 0; ; number += 1) {
    if (zeroBits(createHash('sha256').update(`${challenge}.${number}`).digest()) >= difficulty) return String(number);
  }
}

const seconds = (context: InstanceContext) => Math.floor(context.now().getTime() / 1_000);
const signedText = (context: InstanceContext, flowId: string, text: string) => `${context.instance.id}\n${flowId}\n${text}`;
const sign = (context: InstanceContext, flowId: string, text: string) => context.core.keyring.hmac('captcha', signedText(context, flowId, text));
