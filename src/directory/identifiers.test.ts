import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { foldIdentifier, foldPhone, mixesAlphabets } from './identifiers.ts';

describe('names that look alike have one key', () => {
  it.each([
    ['capitals', 'zhang.wei', 'ZHANG.Wei'],
    ['full-width letters (NFKC)', 'zhang', 'ｚｈａｎｇ'],
    ['ligatures (NFKC)', 'office', 'oﬃce'],
    ['composed and decomposed accents', 'josé', 'jose\u0301'],
    ['the dotless i', 'istanbul', 'ıstanbul'],
    ['the dotted capital I', 'istanbul', 'İstanbul'],
    ['an i with a further dot', 'istanbul', 'i\u0307stanbul'],
    ['the long s', 'user', 'uſer'],
    ['sharp s', 'strasse', 'straße'],
    ['the Kelvin sign', 'kelvin', '\u212Aelvin'],
    ['a final sigma', 'νικος', 'νικοσ'],
    ['a zero-width space', 'admin', 'ad\u200Bmin'],
    ['a zero-width joiner', 'admin', 'ad\u200Dmin'],
    ['a soft hyphen', 'admin', 'ad\u00ADmin'],
    ['a word joiner', 'admin', 'admin\u2060'],
    ['a variation selector', 'admin', 'admin\uFE0F'],
    ['a Hangul filler', 'admin', 'admin\u3164'],
    ['a byte order mark', 'admin', '\uFEFFadmin'],
    ['NUL', 'admin', 'ad\u0000min'],
    ['a direction mark', 'admin', '\u202Eadmin'],
    ['trailing dots', 'admin', 'admin..'],
    ['trailing spaces', 'admin', 'admin \u00A0'],
    ['leading spaces', 'admin', ' admin'],
    ['a Cyrillic word of Latin shapes', 'cocoa', 'сосоа'],
    ['one Cyrillic letter', 'paypal', 'pаypal'],
    ['Cyrillic capitals', 'BOB', 'ВОВ'],
    ['Greek capitals', 'TOMATO', 'ΤΟΜΑΤΟ'],
    ['a script letter', 'alice', 'αlice'],
    ['another hyphen', 'mary-ann', 'mary‑ann'],
  ])('%s', (_what, name, twin) => {
    expect(foldIdentifier(twin)).toBe(foldIdentifier(name));
  });

  it.each([['user1', 'userl'], ['zero0', 'zeroo'], ['张伟', '张玮'], ['josé', 'jose'], ['björn', 'bjorn'], ['a.b', 'ab'], ['ab-c', 'abc']])('%s and %s stay apart', (left, right) => {
    expect(foldIdentifier(left)).not.toBe(foldIdentifier(right));
  });

  it('takes any text, gives well-formed text, and folds a key to itself', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (typed) => {
      const folded = foldIdentifier(typed);
      expect(folded.isWellFormed()).toBe(true);
      expect(folded).not.toMatch(/[\p{Cc}\p{Cf}]/u);
      expect(foldIdentifier(folded)).toBe(folded);
    }), { numRuns: 3000 });
  });

  it('survives lone surrogates', () => {
    expect(foldIdentifier('ad\uD800min').isWellFormed()).toBe(true);
  });
});

describe('mixed alphabets', () => {
  it.each(['pаypal', 'аdmin', 'αlice'])('%s mixes', (name) => expect(mixesAlphabets(name)).toBe(true));
  it.each(['paypal', 'иван.петров', 'νίκος', '张wei', 'たなかtanaka', '김kim', 'user-1_2+x@example.com'])('%s does not', (name) => expect(mixesAlphabets(name)).toBe(false));
});

describe('telephone numbers', () => {
  it.each([['+8613800138000', '+8613800138000'], ['+49 (30) 1234-567', '+49301234567'], ['13800138000', undefined], ['+0123456789', undefined], ['+12', undefined]])('%s is %s', (typed, stored) => {
    expect(foldPhone(typed)).toBe(stored);
  });
});
