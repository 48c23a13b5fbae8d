import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createKeyring, freshMasterKey, loadOrCreateMasterKey, SealBroken } from './keyring.ts';

const place = 'inst_1/signing_keys/key_1/privateKey';

describe('sealing secrets at rest', () => {
  const keyring = createKeyring([freshMasterKey()]);

  it('opens what it sealed, text and bytes, also empty', () => {
    expect(keyring.open(keyring.seal('Geheimnis ü', place), place).toString()).toBe('Geheimnis ü');
    expect(keyring.open(keyring.seal(Uint8Array.of(0, 255), place), place)).toEqual(Buffer.from([0, 255]));
    expect(keyring.open(keyring.seal('', place), place)).toHaveLength(0);
  });

  it('never seals alike twice and shows nothing of the plaintext', () => {
    const [one, two] = [keyring.seal('a'.repeat(64), place), keyring.seal('a'.repeat(64), place)];
    expect(one).toMatch(/^v1\.[A-Za-z0-9_-]{8}\.[A-Za-z0-9_-]+$/);
    expect(one).not.toBe(two);
    expect(one.slice(12, 76)).not.toBe(two.slice(12, 76));
    expect(Buffer.from(one.split('.')[2] ?? '', 'base64url').includes('aaaa')).toBe(false);
  });

  it.each([
    ['another column', (sealed: string): [string, string] => [sealed, 'inst_1/signing_keys/key_1/publicKey']],
    ['another instance', (sealed) => [sealed, place.replace('inst_1', 'inst_2')]],
    ['cut', (sealed) => [sealed.slice(0, -4), place]],
    ['cut to nothing', (sealed) => [sealed.slice(0, 20), place]],
    ['lengthened', (sealed) => [`${sealed}AAAA`, place]],
    ['another version', (sealed) => [sealed.replace('v1', 'v2'), place]],
    ['another key id', (sealed) => [sealed.replace(/^v1\.[^.]+/, 'v1.AAAAAAAA'), place]],
    ['a line break behind', (sealed) => [`${sealed}\n`, place]],
    ['plaintext', () => ['secret', place]],
    ['empty', () => ['', place]],
  ] satisfies [string, (sealed: string) => [string, string]][])('does not open when it is %s', (_name, spoil) => {
    const [sealed, boundTo] = spoil(keyring.seal('secret', place));
    expect(() => keyring.open(sealed, boundTo)).toThrow(SealBroken);
  });

  it('does not open with any one byte of it changed', () => {
    const sealed = keyring.seal('secret', place);
    const [version, keyId, text] = sealed.split('.');
    const body = Buffer.from(text ?? '', 'base64url');
    for (let index = 0; index < body.length; index += 1) {
      const changed = Buffer.from(body);
      changed[index] = (changed[index] ?? 0) ^ 1;
      expect(() => keyring.open(`${version}.${keyId}.${changed.toString('base64url')}`, place)).toThrow(SealBroken);
    }
  });

  it('demands a place', () => {
    expect(() => keyring.seal('secret', '')).toThrow('place');
  });
});

describe('rotation of the master key', () => {
  const [oldKey, newKey] = [freshMasterKey(), freshMasterKey()];
  const before = createKeyring([oldKey]);
  const during = createKeyring([newKey, oldKey]);
  const after = createKeyring([newKey]);

  it('opens old seals while the old key is listed, says they are old, and reseals', () => {
    const sealed = before.seal('secret', place);
    expect(before.needsResealing(sealed)).toBe(false);
    expect(during.needsResealing(sealed)).toBe(true);
    const resealed = during.seal(during.open(sealed, place), place);
    expect(during.needsResealing(resealed)).toBe(false);
    expect(after.open(resealed, place).toString()).toBe('secret');
    expect(() => after.open(sealed, place)).toThrow(/does not list/);
  });

  it('verifies old MACs while the old key is listed, and signs with the new one', () => {
    const mac = before.hmac('cookie', 'value');
    expect(during.verifyHmac('cookie', 'value', mac)).toBe(true);
    expect(after.verifyHmac('cookie', 'value', mac)).toBe(false);
    expect(after.verifyHmac('cookie', 'value', during.hmac('cookie', 'value'))).toBe(true);
    expect(during.deriveAll('cookie')).toEqual([after.derive('cookie'), before.derive('cookie')]);
  });
});

describe('derived keys', () => {
  const key = freshMasterKey();
  const keyring = createKeyring([key]);

  it('are the same after a restart, and apart by purpose, length and master key', () => {
    expect(createKeyring([key]).derive('cookie')).toEqual(keyring.derive('cookie'));
    expect(keyring.derive('cookie')).not.toEqual(keyring.derive('form token'));
    expect(keyring.derive('cookie', 16)).toHaveLength(16);
    expect(keyring.derive('cookie').subarray(0, 16)).not.toEqual(keyring.derive('cookie', 16));
    expect(createKeyring([freshMasterKey()]).derive('cookie')).not.toEqual(keyring.derive('cookie'));
  });

  it('are not changed by a caller who wipes his copy', () => {
    const mac = keyring.hmac('cookie', 'value');
    keyring.derive('cookie').fill(0);
    expect(keyring.hmac('cookie', 'value')).toBe(mac);
  });

  it.each([
    ['another purpose', 'form token', 'value', (mac: string) => mac],
    ['another value', 'cookie', 'valuf', (mac) => mac],
    ['a cut MAC', 'cookie', 'value', (mac) => mac.slice(0, -1)],
    ['an empty MAC', 'cookie', 'value', () => ''],
    // 43 base64url characters carry two unused bits: another last character decodes to the same bytes.
    ['another spelling of the same bytes', 'cookie', 'value', (mac) => mac.slice(0, -1) + twin(mac.at(-1) ?? '')],
  ] satisfies [string, string, string, (mac: string) => string][])('refuse a MAC for %s', (_name, purpose, value, spoil) => {
    const mac = keyring.hmac('cookie', 'value');
    expect(keyring.verifyHmac('cookie', 'value', mac)).toBe(true);
    expect(keyring.verifyHmac(purpose, value, spoil(mac))).toBe(false);
  });
});

function twin(character: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  return alphabet[alphabet.indexOf(character) ^ 1] ?? '';
}

describe('admin.bootstrap: master keys that are refused', () => {
  const random = Buffer.from(freshMasterKey(), 'base64url');

  it.each([
    ['hex', random.toString('hex')],
    ['base64', random.toString('base64')],
    ['base64url', random.toString('base64url')],
    ['with a line end', `${random.toString('base64url')}\n`],
  ])('reads a random key as %s, as one and the same', (_name, text) => {
    expect(createKeyring([text]).derive('x')).toEqual(createKeyring([random.toString('hex')]).derive('x'));
  });

  it.each([
    ['empty', ''],
    ['too short', random.subarray(1).toString('hex')],
    ['too long', `${random.toString('hex')}00`],
    ['other characters', `${random.toString('hex').slice(2)}zz!`],
    ['all zero', '00'.repeat(32)],
    ['all zero in base64', Buffer.alloc(32).toString('base64')],
    ['one byte repeated', Buffer.alloc(32, 0x61).toString('base64url')],
    ['a repeated pattern', '0123456789abcdef'.repeat(4)],
    ['counting', Buffer.from(Array.from({ length: 32 }, (_value, index) => index)).toString('hex')],
    ['text behind base64', Buffer.from('correct-horse-battery-staple-123').toString('base64')],
    ['changeme spelt out', 'changeme-changeme-changeme-changeme-changem'],
    ['an example that says so', 'ExampleKeyDoNotUseq83NTxK2vYw7zR0pLmB4cG9hQ'],
  ])('refuses a key that is %s, without repeating it', (_name, text) => {
    let message = '';
    try {
      createKeyring([text]);
    } catch (error) {
      message = String(error);
    }
    expect(message).toMatch(/MASTER_KEY (must be 32|is an example)/);
    if (text !== '') expect(message).not.toContain(text);
  });

  it('refuses none, and the same twice', () => {
    expect(() => createKeyring([])).toThrow('missing');
    expect(() => createKeyring([random.toString('hex'), random.toString('base64')])).toThrow('twice');
  });

  it('names the entry of a list', () => {
    expect(() => createKeyring([freshMasterKey(), 'changeme'])).toThrow('entry 2');
  });
});

describe('the master key of an embedded start', () => {
  let directory: string;
  beforeEach(() => { directory = join(mkdtempSync(join(tmpdir(), 'postern-keyring-')), 'data with space'); });
  afterEach(() => { rmSync(join(directory, '..'), { recursive: true }); });

  it('is made once, for the owner only, and found again', () => {
    const key = loadOrCreateMasterKey(directory);
    expect(createKeyring([key]).derive('x')).toHaveLength(32);
    expect(statSync(join(directory, 'master-key')).mode & 0o777).toBe(0o600);
    expect(readdirSync(directory)).toEqual(['master-key']);
    expect(loadOrCreateMasterKey(directory)).toBe(key);
  });

  it('is one key for processes that start at the same time', async () => {
    const script = `import { loadOrCreateMasterKey } from ${JSON.stringify(join(import.meta.dirname, 'keyring.ts'))};
      process.stdout.write(loadOrCreateMasterKey(${JSON.stringify(directory)}));`;
    const runs = Array.from({ length: 4 }, () =>
      promisify(execFile)(process.execPath, ['--input-type=module-typescript', '--eval', script]));
    const keys = (await Promise.all(runs)).map(({ stdout }) => stdout);
    expect(new Set(keys)).toEqual(new Set([loadOrCreateMasterKey(directory)]));
  });

  it('is refused when everybody may read it', () => {
    loadOrCreateMasterKey(directory);
    chmodSync(join(directory, 'master-key'), 0o644);
    expect(() => loadOrCreateMasterKey(directory)).toThrow('chmod 600');
  });

  it('is never replaced when damaged', () => {
    loadOrCreateMasterKey(directory);
    writeFileSync(join(directory, 'master-key'), 'half');
    expect(() => loadOrCreateMasterKey(directory)).toThrow('master-key must be 32 random bytes');
  });
});
