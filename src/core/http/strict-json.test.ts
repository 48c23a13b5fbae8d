import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { parseStrictJson } from './strict-json.ts';

describe('strict JSON (RFC 8259 §4, RFC 7493)', () => {
  it('reads what JSON.parse reads', () => {
    fc.assert(fc.property(fc.json({ maxDepth: 8 }), (text) => {
      const value = JSON.parse(text) as unknown;
      const isOdd = /\\u0000|\\ud[89a-f]|"__proto__"/i.test(text);
      if (!isOdd) expect(parseStrictJson(text)).toEqual(value);
    }));
  });

  it.each([
    ['{"a":1,"a":2}'], ['{"a":1,"b":[{"c":1,"c":1}]}'], ['{"a":1,"\\u0061":2}'], ['{"x":{"y":1},"x":0}'], ['{"":1,"":2}'],
    ['{"__proto__":{"admin":true}}'], ['{"a":{"\\u005f_proto__":1}}'],
    ['{"a":"\\u0000"}'], ['"\\ud800"'], ['{"a":["\\udc00x"]}'], ['{"\\ud800":1}'],
    ['['.repeat(33) + ']'.repeat(33)], ['{"a":'.repeat(10_000) + '1' + '}'.repeat(10_000)],
    ['{"a":1}x'], ['{"a":1} {"b":2}'], ["{'a':1}"], ['{"a":1,}'], ['{a:1}'], ['[1,]'], ['NaN'], ['01'], ['"a\nb"'], ['// x\n1'], [''],
  ])('refuses %.40s', (text) => {
    expect(() => parseStrictJson(text)).toThrow(expect.objectContaining({ status: 400 }) as Error);
  });

  it.each([
    ['{"a":{"b":1},"c":{"b":1}}', { a: { b: 1 }, c: { b: 1 } }], ['[{"a":1},{"a":1}]', [{ a: 1 }, { a: 1 }]], ['{"a":"a","b":"a"}', { a: 'a', b: 'a' }],
    ['{"a":"{\\"a\\":1,\\"a\\":2}"}', { a: '{"a":1,"a":2}' }], ['["a","a"]', ['a', 'a']], ['{"a":["x",{"a":1}],"b":2}', { a: ['x', { a: 1 }], b: 2 }],
    ['{"a":"\\\\","b":"\\""}', { a: '\\', b: '"' }], ['"\\ud83d\\ude00"', '😀'], ['{"constructor":1}', { constructor: 1 }],
  ])('takes %s', (text, value) => {
    expect(parseStrictJson(text)).toEqual(value);
  });

  it('takes a megabyte in time that does not grow faster than the text', () => {
    const text = JSON.stringify(Array.from({ length: 20_000 }, (_value, index) => ({ name: `n${index}`, text: 'x'.repeat(20) })));
    const started = performance.now();
    parseStrictJson(text);
    expect(performance.now() - started).toBeLessThan(500);
  });
});
