import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, linkSync, mkdirSync, openSync, readFileSync, renameSync, statSync, unlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { randomToken } from './secrets.ts';

const masterKeyBytes = 32;
const makeOne = 'make one with: node -p "crypto.randomBytes(32).toString(\'base64url\')"';

/**
 * Reads one master key: 32 bytes as base64url, base64 or hex. Throws with words for the operator,
 * never with the key. Keys that nobody drew at random (all zero, a repeated pattern, a counting
 * sequence, text such as "changeme", an example from a document) are refused.
 */
export function parseMasterKey(text: string, name = 'MASTER_KEY'): Buffer {
  const trimmed = text.trim();
  const key = decode(trimmed);
  if (key === undefined) {
    throw new Error(`${name} must be 32 random bytes as base64url (43 characters), base64 (44) or hex (64) but has ${trimmed.length} characters or others than these; ${makeOne}`);
  }
  if (isExample(trimmed, key)) throw new Error(`${name} is an example or not random; ${makeOne}`);
  return key;
}

function decode(text: string): Buffer | undefined {
  if (/^[0-9a-fA-F]{64}$/.test(text)) return Buffer.from(text, 'hex');
  if (!/^([A-Za-z0-9_-]{43}|[A-Za-z0-9+/]{43}=?)$/.test(text)) return undefined;
  const key = Buffer.from(text, 'base64');           // Node reads both alphabets here
  return key.length === masterKeyBytes ? key : undefined;
}

/** 32 random bytes fail one of these less than once in 10^8 draws. */
function isExample(text: string, key: Buffer): boolean {
  const words = /change.?me|example|replace|password|postern|default|your.?key/i;
  const distinctBytes = new Set(key).size;            // about 30 when random
  const steps = new Set(key.subarray(1).map((byte, index) => (byte - (key[index] ?? 0)) & 0xff));
  const isText = key.every((byte) => byte >= 0x20 && byte < 0x7f);
  return words.test(text) || distinctBytes < 16 || steps.size < 8 || isText;
}

/**
 * The master key of an embedded start: `<dataDirectory>/master-key`, made on the first call.
 * The file is written whole beside its place, synced, and linked into it: a crash leaves either
 * no key or all of it, and of two processes starting at once both get the first one's key.
 * A file that everybody may read is refused; group bits are borne, since container platforms set
 * them on mounted volumes.
 */
export function loadOrCreateMasterKey(dataDirectory: string): string {
  const path = join(dataDirectory, 'master-key');
  return readMasterKeyFile(path) ?? createMasterKeyFile(dataDirectory, path);
}

/** The keys of that file, the current one first; more than one only while `rotate-master-key` is at work. */
export function loadOrCreateMasterKeys(dataDirectory: string): string[] {
  return splitKeys(loadOrCreateMasterKey(dataDirectory));
}

/** Puts other keys into the file, the current one first: whole, or the file stays as it is. */
export function replaceMasterKeys(dataDirectory: string, keys: readonly string[]): void {
  const path = join(dataDirectory, 'master-key');
  const temporary = writeTemporary(path, keys.join(','));
  renameSync(temporary, path);
  syncFolder(dataDirectory);
}

const splitKeys = (text: string) => text.split(',').map((key) => key.trim()).filter(Boolean);

function readMasterKeyFile(path: string): string | undefined {
  try {
    if ((statSync(path).mode & 0o007) !== 0) {
      throw new Error(`${path} holds the key to all secrets and must not be readable by everybody; run: chmod 600 '${path}'`);
    }
    const text = readFileSync(path, 'utf8').trim();
    for (const key of text.split(',')) parseMasterKey(key, path);
    return text;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

function createMasterKeyFile(dataDirectory: string, path: string): string {
  mkdirSync(dataDirectory, { recursive: true, mode: 0o700 });
  const temporary = writeTemporary(path, freshMasterKey());
  try {
    linkSync(temporary, path);                        // unlike rename, refuses to replace
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  } finally {
    unlinkSync(temporary);
  }
  syncFolder(dataDirectory);
  const created = readMasterKeyFile(path);
  if (created === undefined) throw new Error(`${path} disappeared while it was written`);
  return created;
}

function writeTemporary(path: string, text: string): string {
  const temporary = `${path}.${randomToken(8)}.new`;
  const file = openSync(temporary, 'wx', 0o600);
  try {
    writeSync(file, `${text}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  return temporary;
}

function syncFolder(folder: string): void {
  const directory = openSync(folder, 'r');
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}

/** A new master key as base64url, one that `parseMasterKey` accepts. */
export function freshMasterKey(): string {
  for (;;) {
    const key = randomBytes(masterKeyBytes);
    const text = key.toString('base64url');
    if (!isExample(text, key)) return text;
  }
}
