/** The proof that somebody owns a host name: a TXT record that only who runs its DNS can set. */
import { Resolver } from 'node:dns/promises';
import { perCore } from '../core/core.ts';

export type TxtResolver = (name: string) => Promise<string[][]>;

/** How this server asks the DNS; tests put their own zone here. */
export const domainProofs = perCore((): { resolveTxt: TxtResolver } => {
  const resolver = new Resolver({ timeout: 2_000, tries: 2 });
  return { resolveTxt: (name) => resolver.resolveTxt(name) };
});

export type ProofResult =
  | { kind: 'proven' }
  /** The DNS answered, and the record is not there. */
  | { kind: 'missing'; found: string }
  /** The DNS did not answer: says nothing about the owner. */
  | { kind: 'unknown'; found: string };

export const proofName = (hostname: string) => `_postern-challenge.${hostname}`;

/** Asks the DNS whether the record of a claim is there. */
export async function checkProof(resolveTxt: TxtResolver, hostname: string, token: string): Promise<ProofResult> {
  try {
    const records = (await resolveTxt(proofName(hostname))).map((chunks) => chunks.join('').trim());
    return records.includes(token) ? { kind: 'proven' } : { kind: 'missing', found: `found ${records.length} other TXT record${records.length === 1 ? '' : 's'}` };
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'no answer';
    const isAnswer = code === 'ENOTFOUND' || code === 'ENODATA';
    return { kind: isAnswer ? 'missing' : 'unknown', found: isAnswer ? 'there is no TXT record' : `the DNS could not be asked: ${code}` };
  }
}
