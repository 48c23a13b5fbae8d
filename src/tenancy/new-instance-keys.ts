/** Rows of new signing keys: the private part sealed to its place, so that a copied row does not open elsewhere. */
import type { JWK } from 'jose';
import { newId } from '../core/ids.ts';
import type { Prisma } from '../generated/prisma/client.ts';
import type { InstanceContext } from './context.ts';
import { makeKeyMaterial, type SigningAlgorithm, signingAlgorithms } from './key-material.ts';

/** The row of a key as it is written. */
export interface NewSigningKey {
  id: string;
  algorithm: SigningAlgorithm;
  status: 'active' | 'next';
  publicJwk: Prisma.InputJsonObject;
  sealedPrivateJwk: string;
  createdAt: Date;
  activatedAt: Date | null;
}

/** Where a sealed private key belongs; the operator's key rotation seals it again under the same name. */
export const privateKeyPlace = (instanceId: string, kid: string) => `${instanceId}/SigningKey/${kid}/sealedPrivateJwk`;

/** Makes one key and its row. */
export async function newSigningKey(context: InstanceContext, algorithm: SigningAlgorithm, status: 'active' | 'next', now = context.now()): Promise<NewSigningKey> {
  const { publicJwk, privateJwk } = await makeKeyMaterial(context.core, algorithm);
  const id = newId('key', now.getTime());
  const named = (jwk: JWK): JWK => ({ ...jwk, kid: id, alg: algorithm, use: 'sig' });
  return {
    id, algorithm, status, createdAt: now, activatedAt: status === 'active' ? now : null,
    publicJwk: { ...named(publicJwk) } as Prisma.InputJsonObject,
    sealedPrivateJwk: context.core.keyring.seal(JSON.stringify(named(privateJwk)), privateKeyPlace(context.instance.id, id)),
  };
}

/** For every algorithm the key that signs from now on and the one after it. */
export async function newInstanceKeys(context: InstanceContext): Promise<NewSigningKey[]> {
  const now = context.now();                         // one time for both: they are published together
  return Promise.all(signingAlgorithms.flatMap((algorithm) =>
    [newSigningKey(context, algorithm, 'active', now), newSigningKey(context, algorithm, 'next', now)]));
}
