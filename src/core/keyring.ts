import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { parseMasterKey } from './master-key.ts';
import { constantTimeEqual } from './secrets.ts';

export { freshMasterKey, loadOrCreateMasterKey, loadOrCreateMasterKeys, parseMasterKey, replaceMasterKeys } from './master-key.ts';

/** Sealed text that does not open: cut, changed, moved to another place, or under a key not listed. */
export class SealBroken extends Error {
  override readonly name = 'SealBroken';
}

/** Secrets at rest and derived keys, all under MASTER_KEY (DESIGN: "Secrets at rest"). */
export interface Keyring {
  /** Id of the current master key, as it appears in sealed text. Not secret. */
  readonly currentKeyId: string;
  /**
   * Seals with AES-256-GCM under a fresh data key. `boundTo` names the place of the secret, such as
   * `instanceId/table/id/column`: sealed text copied to another row or column does not open there.
   * Returns `v1.<keyId>.<base64url>`.
   */
  seal(plaintext: Uint8Array | string, boundTo: string): string;
  /** Throws `SealBroken`. */
  open(sealed: string, boundTo: string): Buffer;
  /** Whether the text was sealed under an older master key. Throws `SealBroken` when it is no sealed text. */
  needsResealing(sealed: string): boolean;
  /**
   * Key of `length` bytes (32) for one purpose, from the current master key by HKDF-SHA256 (RFC 5869).
   * It changes with the master key: what must outlive a rotation takes `deriveAll` or `verifyHmac`.
   */
  derive(purpose: string, length?: number): Buffer;
  /** The same from every listed master key, the current one first (cookie keys: sign with the first, accept all). */
  deriveAll(purpose: string, length?: number): Buffer[];
  /** HMAC-SHA256 under `derive(purpose)`, base64url. */
  hmac(purpose: string, value: string | Uint8Array): string;
  /** Checks an `hmac` in constant time, under any listed master key. */
  verifyHmac(purpose: string, value: string | Uint8Array, mac: string): boolean;
}

interface MasterKey { readonly id: string; readonly secret: Buffer }

const saltBytes = 16;
const nonceBytes = 12;
const tagBytes = 16;

/**
 * The first master key seals and derives, the others only open and verify. They stay listed until
 * `rotate-master-key` has resealed everything. Throws with words for the operator.
 */
export function createKeyring(masterKeys: readonly string[]): Keyring {
  const keys = masterKeys.map((text, index): MasterKey => {
    const secret = parseMasterKey(text, masterKeys.length > 1 ? `MASTER_KEY (entry ${index + 1})` : 'MASTER_KEY');
    return { secret, id: expand(secret, '', 'key id', 6).toString('base64url') };
  });
  const [current] = keys;
  if (current === undefined) throw new Error('MASTER_KEY is missing');
  if (new Set(keys.map((key) => key.id)).size < keys.length) throw new Error('MASTER_KEY lists one key twice');

  // HKDF costs more than the HMAC it is for; purposes may carry instance ids, so the cache is bounded.
  const derived = new LRUCache<string, Buffer>({ max: 1000 });
  const deriveFrom = (key: MasterKey, purpose: string, length: number): Buffer => {
    const label = `derive/${length}/${purpose}`;
    const cacheKey = `${key.id}/${label}`;
    const known = derived.get(cacheKey);
    if (known !== undefined) return known;
    const fresh = expand(key.secret, '', label, length);
    derived.set(cacheKey, fresh);
    return fresh;
  };
  const mac = (key: MasterKey, purpose: string, value: string | Uint8Array) =>
    createHmac('sha256', deriveFrom(key, purpose, 32)).update(value).digest('base64url');

  return {
    currentKeyId: current.id,
    seal: (plaintext, boundTo) => sealUnder(current, plaintext, boundTo),
    open(sealed, boundTo) {
      const { keyId, body } = parseSealed(sealed);
      const key = keys.find(({ id }) => id === keyId);
      if (key === undefined) throw new SealBroken(`sealed under master key ${keyId}, which MASTER_KEY does not list`);
      return openUnder(key, body, boundTo);
    },
    needsResealing: (sealed) => parseSealed(sealed).keyId !== current.id,
    derive: (purpose, length = 32) => Buffer.from(deriveFrom(current, purpose, length)),
    deriveAll: (purpose, length = 32) => keys.map((key) => Buffer.from(deriveFrom(key, purpose, length))),
    hmac: (purpose, value) => mac(current, purpose, value),
    // The text is compared, not its bytes: base64url has several spellings of one value, only ours is accepted.
    verifyHmac: (purpose, value, given) =>
      keys.reduce((found, key) => constantTimeEqual(mac(key, purpose, value), given) || found, false),
  };
}

/** HKDF-SHA256; `label` keeps the uses of one master key apart (RFC 5869 §3.2). */
function expand(secret: Buffer, salt: Uint8Array | string, label: string, length: number): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, salt, `postern/v1/${label}`, length));
}

/**
 * Every secret gets its own data key, derived from a random salt: AES-GCM under one key with random
 * nonces is safe for only 2^32 messages (NIST SP 800-38D §8.3), a limit nobody would count here.
 */
function dataKey(key: MasterKey, salt: Uint8Array): Buffer {
  return expand(key.secret, salt, 'seal', 32);
}

function additionalData(key: MasterKey, boundTo: string): Buffer {
  if (boundTo === '') throw new Error('sealing needs a place to bind to');
  return Buffer.from(`v1.${key.id}.${boundTo}`);      // key ids hold no dot, so this reads one way only
}

function sealUnder(key: MasterKey, plaintext: Uint8Array | string, boundTo: string): string {
  const salt = randomBytes(saltBytes);
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv('aes-256-gcm', dataKey(key, salt), nonce).setAAD(additionalData(key, boundTo));
  const text = typeof plaintext === 'string' ? Buffer.from(plaintext) : plaintext;
  const body = Buffer.concat([salt, nonce, cipher.update(text), cipher.final(), cipher.getAuthTag()]);
  return `v1.${key.id}.${body.toString('base64url')}`;
}

function openUnder(key: MasterKey, body: Buffer, boundTo: string): Buffer {
  const salt = body.subarray(0, saltBytes);
  const nonce = body.subarray(saltBytes, saltBytes + nonceBytes);
  const decipher = createDecipheriv('aes-256-gcm', dataKey(key, salt), nonce, { authTagLength: tagBytes })
    .setAAD(additionalData(key, boundTo))
    .setAuthTag(body.subarray(-tagBytes));
  const opened = decipher.update(body.subarray(saltBytes + nonceBytes, -tagBytes));
  try {
    return Buffer.concat([opened, decipher.final()]);
  } catch {
    // OpenSSL says only that it failed; which of the causes it was cannot be known.
    throw new SealBroken('sealed text was changed, or belongs to another place');
  }
}

function parseSealed(sealed: string): { keyId: string; body: Buffer } {
  const [, keyId, text] = /^v1\.([A-Za-z0-9_-]{8})\.([A-Za-z0-9_-]+)$/.exec(sealed) ?? [];
  if (keyId === undefined || text === undefined) throw new SealBroken('not sealed text of version v1');
  const body = Buffer.from(text, 'base64url');
  if (body.length < saltBytes + nonceBytes + tagBytes || body.toString('base64url') !== text) {
    throw new SealBroken('sealed text is cut short or misspelt');
  }
  return { keyId, body };
}
