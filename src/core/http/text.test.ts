import { describe, expect, it } from 'vitest';
import { isCleanText, longText, text } from './text.ts';

describe('text', () => {
  it.each([
    ['NUL', 'a\u0000b'], ['a line break', 'a\nb'], ['a carriage return', 'a\rb'], ['an escape', '\u001B[31m'], ['delete', 'a\u007F'], ['a C1 control', 'a\u0085b'],
    ['a lone high surrogate', 'a\uD83D'], ['a lone low surrogate', '\uDE00b'], ['a right-to-left override', 'a\u202Eb'], ['an isolate', 'a\u2066b'],
    ['a right-to-left mark', 'a\u200Fb'], ['an Arabic letter mark', 'a\u061Cb'], ['a byte order mark', '\uFEFFa'], ['a line separator', 'a\u2028b'], ['a noncharacter', 'a\uFFFF'],
    ['nothing', ''], ['too much', 'a'.repeat(11)],
  ])('refuses %s', (_what, value) => {
    expect(text(10).safeParse(value).success).toBe(false);
  });

  it.each(['张伟', 'مرحبا', 'नमस्ते', '👨‍👩‍👧', "O'Brien", 'a<b>&"', '__proto__', '%00'])('takes %s', (value) => {
    expect(text(20).safeParse(value).success).toBe(true);
    expect(isCleanText(value)).toBe(true);
  });

  it('is quick with the longest input', () => {
    const started = performance.now();
    text(1_000_000).safeParse(`${'a'.repeat(999_999)}\n`);
    longText(1_000_000).safeParse(`${'\n'.repeat(999_999)}\u0000`);
    expect(performance.now() - started).toBeLessThan(1000);
  });
});

describe('long text', () => {
  it('takes line breaks and tabs, and nothing', () => {
    expect(longText(10).safeParse('a\n\tb').success).toBe(true);
    expect(longText(10).safeParse('').success).toBe(true);
  });
  it.each(['a\u0000', 'a\rb', 'a\u202Eb', 'a\uD800'])('refuses %j', (value) => expect(longText(10).safeParse(value).success).toBe(false));
});
