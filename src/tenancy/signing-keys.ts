/**
 * The signing keys of an instance. Each goes next → active → retiring → retired:
 *   next      published, so that applications know it before it signs; not used
 *   active    signs; one for each algorithm
 *   retiring  published until every token that it signed has ended; does not sign
 *   retired   gone from the JWKS, its private part erased
 */
import { createHash } from 'node:crypto';
import { importJWK, type CryptoKey, type JWK } from 'jose';
import { createInstanceCache, type InstanceCache } from '../core/cache.ts';
import { type Core, perCore } from '../core/core.ts';
import type { SigningKey as SigningKeyRow } from '../generated/prisma/client.ts';
import { createContext, type InstanceContext } from './context.ts';
import { loadInstance } from './instances.ts';
import type { SigningAlgorithm } from './key-material.ts';
import { privateKeyPlace } from './new-instance-keys.ts';

export type KeyStatus = 'next' | 'active' | 'retiring' | 'retired';

/** No JWT of ours lives longer than this; lifetimes of tokens are limited by it, and old keys stay published for it. */
export const longestTokenSeconds = 86_400;

export interface KeySet {
  /** What the instance publishes (RFC 7517 §5): active, retiring and next keys. */
  readonly jwks: { readonly keys: readonly JWK[] };
  /** The same keys with their private parts, active ones first: the first of an algorithm is the one that signs. */
  readonly privateJwks: readonly JWK[];
  /** Changes with the set. */
  readonly version: string;
  /** The status by kid. */
  readonly statuses: ReadonlyMap<string, KeyStatus>;
}

interface KeptKeys extends KeySet { readonly imported: Map<string, Promise<CryptoKey>> }

const order: Record<string, number> = { active: 0, retiring: 1, next: 2 };
const cacheKey = 'keys';
const cacheOf = perCore((core): InstanceCache<KeptKeys> => createInstanceCache({
  signals: core.signals, channel: 'tenancy.keys', max: 2_000, ttlMs: 60_000,
  load: async (instanceId) => {
    const instance = await loadInstance(core, instanceId);
    return instance && readKeys(createContext(core, instance, { principal: { kind: 'system' } }));
  },
}));

/** The keys of the context's instance, from memory. */
export async function loadKeySet(context: InstanceContext): Promise<KeySet> {
  return loadKept(context);
}

/** The key that signs with `algorithm` now. */
export async function signingKeyFor(context: InstanceContext, algorithm: SigningAlgorithm): Promise<{ kid: string; alg: SigningAlgorithm; key: CryptoKey }> {
  const keys = await loadKept(context);
  const jwk = keys.privateJwks.find((candidate) => candidate.alg === algorithm);
  if (!jwk?.kid || keys.statuses.get(jwk.kid) !== 'active') throw new Error(`Instance ${context.instance.id} has no active ${algorithm} key`);
  return { kid: jwk.kid, alg: algorithm, key: await importOnce(keys, `private ${jwk.kid}`, jwk, algorithm) };
}

/** The published key that verifies what names `kid` and `algorithm`, or undefined: no key is chosen by anything but both. */
export async function verificationKey(context: InstanceContext, kid: string, algorithm: string): Promise<CryptoKey | undefined> {
  const keys = await loadKept(context);
  const jwk = keys.jwks.keys.find((candidate) => candidate.kid === kid && candidate.alg === algorithm);
  return jwk && importOnce(keys, `public ${kid}`, jwk, algorithm);
}

/** Within the transaction that changes keys: every server reads them again when it commits. */
export async function invalidateKeys(tx: InstanceContext): Promise<void> {
  await cacheOf(tx.core).invalidate(tx.db, tx.instance.id);
}

/** This server reads the keys of the instance again. */
export function forgetKeys(core: Core, instanceId: string): void {
  cacheOf(core).forgetInstance(instanceId);
}

async function loadKept(context: InstanceContext): Promise<KeptKeys> {
  const keys = await cacheOf(context.core).get(context.instance.id, cacheKey);
  if (!keys) throw new Error(`Instance ${context.instance.id} has no signing keys`);
  return keys;
}

async function readKeys(context: InstanceContext): Promise<KeptKeys> {
  const rows = await context.db.signingKey.findMany({ where: { status: { in: Object.keys(order) } } });
  rows.sort((left, right) => (order[left.status] ?? 9) - (order[right.status] ?? 9) || left.id.localeCompare(right.id));
  return {
    jwks: { keys: rows.map((row) => row.publicJwk as JWK) },
    privateJwks: rows.map((row) => openPrivateKey(context, row)),
    statuses: new Map(rows.map((row) => [row.id, row.status as KeyStatus])),
    version: createHash('sha256').update(rows.map((row) => `${row.id} ${row.status}`).join('\n')).digest('base64url').slice(0, 16),
    imported: new Map(),
  };
}

function openPrivateKey(context: InstanceContext, row: SigningKeyRow): JWK {
  if (row.sealedPrivateJwk === null) throw new Error(`Key ${row.id} is ${row.status} without its private part`);
  return JSON.parse(context.core.keyring.open(row.sealedPrivateJwk, privateKeyPlace(context.instance.id, row.id)).toString('utf8')) as JWK;
}

function importOnce(keys: KeptKeys, name: string, jwk: JWK, algorithm: string): Promise<CryptoKey> {
  const known = keys.imported.get(name);
  if (known) return known;
  const importing = importJWK(jwk, algorithm).then((key) => {
    if (key instanceof Uint8Array) throw new Error(`Key ${name} is a symmetric key`);
    return key;
  });
  keys.imported.set(name, importing);
  return importing;
}
