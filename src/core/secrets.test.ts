import { describe, expect, it } from 'vitest';
import { constantTimeEqual, randomToken, sha256 } from './secrets.ts';

describe('secrets', () => {
  it('hashes as the published SHA-256 vector (FIPS 180-2 B.1), in base64url', () => {
    expect(sha256('abc')).toBe('ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0');
    expect(sha256(Buffer.from('abc'))).toBe(sha256('abc'));
  });

  it.each([
    ['same', 'same', true],
    ['same', 'sama', false],
    ['short', 'shorter', false],
    ['', '', true],
    ['', 'x', false],
  ])('compares %j with %j', (left, right, equal) => {
    expect(constantTimeEqual(left, right)).toBe(equal);
    expect(constantTimeEqual(Buffer.from(left), right)).toBe(equal);
  });

  it('gives 256 bits as 43 URL-safe characters, never the same twice', () => {
    const tokens = new Set(Array.from({ length: 1000 }, () => randomToken()));
    expect(tokens.size).toBe(1000);
    for (const token of tokens) expect(token).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(randomToken(16)).toHaveLength(22);
  });
});
