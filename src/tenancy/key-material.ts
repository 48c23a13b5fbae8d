/** Makes signing keys. RSA keys cost some 50 ms of CPU each, so a few wait ready where instances are being made. */
import { generateKeyPair, exportJWK, type JWK } from 'jose';
import { type Core, perCore } from '../core/core.ts';

export const signingAlgorithms = ['RS256', 'ES256', 'EdDSA'] as const;
export type SigningAlgorithm = (typeof signingAlgorithms)[number];

interface KeyMaterial { publicJwk: JWK; privateJwk: JWK }

/** One new instance takes two: the active and the next key. */
const readyRsaKeys = 2;
const poolOf = perCore((): { ready: KeyMaterial[]; filling: boolean } => ({ ready: [], filling: false }));

/** A fresh key pair as JWKs, without `kid`. WebCrypto makes it outside the event loop. */
export async function makeKeyMaterial(core: Core, algorithm: SigningAlgorithm): Promise<KeyMaterial> {
  if (algorithm !== 'RS256') return generate(algorithm);
  const pool = poolOf(core);
  const ready = pool.ready.pop();
  void refill(pool);
  return ready ?? generate(algorithm);
}

async function refill(pool: { ready: KeyMaterial[]; filling: boolean }): Promise<void> {
  if (pool.filling) return;
  pool.filling = true;
  try {
    while (pool.ready.length < readyRsaKeys) pool.ready.push(await generate('RS256'));
  } finally {
    pool.filling = false;
  }
}

async function generate(algorithm: SigningAlgorithm): Promise<KeyMaterial> {
  const pair = await generateKeyPair(algorithm, { extractable: true, ...(algorithm === 'RS256' && { modulusLength: 2048 }) });
  const [publicJwk, privateJwk] = await Promise.all([exportJWK(pair.publicKey), exportJWK(pair.privateKey)]);
  return { publicJwk, privateJwk };
}
