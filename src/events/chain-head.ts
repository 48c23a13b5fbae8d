/** The signed end of a chain. Its key is derived from the master key, which is not in the database. */
import { canonicalJson } from '../core/canonical-json.ts';
import type { Keyring } from '../core/keyring.ts';
import type { Position } from './stored-event.ts';

export interface ChainHead extends Position {
  readonly instanceId: string;
  /** How many events the chain has; the first one has position 1. */
  readonly position: bigint;
  readonly hash: string;
}

export interface SignedHead extends ChainHead {
  readonly signature: string;
}

const purpose = 'event-chain';

/** Signs under the current master key. */
export function signHead(keyring: Keyring, head: ChainHead): SignedHead {
  return { ...head, signature: keyring.hmac(purpose, spellingOf(head)) };
}

/** Whether we signed this head, under the current master key or one that is still listed. */
export function isHeadGenuine(keyring: Keyring, head: SignedHead): boolean {
  return keyring.verifyHmac(purpose, spellingOf(head), head.signature);
}

function spellingOf(head: ChainHead): string {
  return canonicalJson({
    instanceId: head.instanceId, position: head.position.toString(), hash: head.hash,
    transactionId: head.transactionId.toString(), sequence: head.sequence.toString(),
  });
}
