import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileExpression, ExpressionError, type ExpressionType } from '../../src/core/expressions/index.ts';

const variables: Record<string, ExpressionType> = {
  user: { object: { username: 'string', groups: { list: 'string' }, dict: { map: 'dyn' } } }, many: { list: 'string' }, any: 'dyn',
};
const many = Array.from({ length: 10_000 }, (_, index) => `${'x'.repeat(100)}${index}`);
const given = { user: { username: 'ada', groups: many, dict: { big: 'y'.repeat(60_000) } }, many, any: {} };

const ceilingMs = 50;
type Outcome = 'refused' | 'stopped' | 'value';

/** Refused when saved, or stopped when run; and what it took of the processor, at the best of three times: what others take is not its fault. */
function timed(source: string): { outcome: Outcome; ms: number } {
  const tries = Array.from({ length: 3 }, () => {
    const before = process.threadCpuUsage();
    const outcome = outcomeOf(source);
    const { user, system } = process.threadCpuUsage(before);
    return { outcome, ms: (user + system) / 1_000 };
  });
  return tries.reduce((best, next) => (next.ms < best.ms ? next : best));
}

function outcomeOf(source: string): Outcome {
  try {
    return compileExpression(source, { variables, result: 'dyn' }).evaluate(given).ok ? 'value' : 'stopped';
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    return 'refused';
  }
}

const doubled = (step: (name: string) => string, start: string, times: number): string =>
  Array.from({ length: times }, (_, index) => `cel.bind(v${index + 1}, ${step(`v${index}`)}, `).reduce((source, bind) => source + bind, `cel.bind(v0, ${start}, `)
  + `v${times} == v${times}${')'.repeat(times + 1)}`;

describe('attack: input.expression-limits', () => {
  it.each<[string, string]>([
    ['deep parentheses', `${'('.repeat(2_000)}true${')'.repeat(2_000)}`],
    ['many signs', `${'!'.repeat(4_000)}true`],
    ['minus upon minus', `${'-'.repeat(4_000)}1`],
    ['a long chain', Array.from({ length: 1_300 }, () => '1').join('+')],
    ['deep lists', `${'['.repeat(60)}1${']'.repeat(60)}`],
    ['a type in a type in a type', '[1].map(a, [a]).map(b, [b]).map(c, [c]).map(d, [d]).map(e, [e])'],
    ['a source that is too long', `"${'x'.repeat(5_000)}"`],
    ['four macros in each other', 'many.all(a, many.all(b, many.all(c, many.all(d, a != d))))'],
    ['a pattern that counts', 'user.username.matches("((a{100}){100}){100}")'],
    ['a pattern that is computed', 'user.username.matches("(" + user.username + "+)+$")'],
    ['a function of the library that is not bounded', 'bytes("{}").json()'],
  ])('%s is refused at save', (_name, source) => {
    const { outcome, ms } = timed(source);
    expect(outcome).toBe('refused');
    expect(ms).toBeLessThan(ceilingMs);
  });

  it.each<[string, string]>([
    ['nested macros over big lists', 'many.all(a, many.all(b, many.all(c, a != "" && b != "" && c != "")))'],
    ['nested macros that swallow their errors', 'many.exists(a, many.exists(b, many.exists(c, any.nothing || c == a + b)))'],
    ['nested macros behind an or', 'many.all(a, many.all(b, a == "no" || b == "no" || any.nothing == a || true))'],
    ['a text that doubles', doubled((name) => `${name}+${name}`, '"xxxxxxxx"', 20)],
    ['a list that doubles', doubled((name) => `${name}+${name}`, 'many', 20)],
    ['a text that is joined of many', 'many.map(a, user.dict.big).join("")'],
    ['a text that doubles by replacement', doubled((name) => `${name}.replace("x", "xxxxxxxx")`, '"xxxx"', 8)],
    ['a text that is split to pieces', 'many.map(a, user.dict.big.split("")).size()'],
    ['long texts compared again and again', 'many.all(a, user.dict.big + a != user.dict.big + "x" + a)'],
    ['JSON of JSON', doubled((name) => `ObjectToJsonString(${name})`, 'ObjectToJsonString([user.dict.big])', 20)],
    ['a pattern over long texts', 'many.all(a, user.dict.big.matches("(y+)+(y+)+(y+)+z$"))'],
    ['lists in lists compared', 'many.all(a, many != many + [a])'],
    ['sorting and sorting', 'many.all(a, many.sort().size() == 10000)'],
    ['many distinct lists', 'many.map(a, [a]).distinct().size() == 1'],
    ['time zones', 'many.all(a, timestamp("2026-01-01T00:00:00Z").getHours("Europe/Berlin") == 1)'],
  ])('%s is cut off', (_name, source) => {
    const { outcome, ms } = timed(source);
    expect(outcome).toBe('stopped');
    expect(ms).toBeLessThan(ceilingMs);
  });

  it('answers an exhausted budget as an error, whatever it is wrapped in', () => {
    const endless = 'many.all(a, many.all(b, a != "" && b != ""))';
    for (const source of [`${endless} || true`, `true && (${endless} || true)`, `[true].exists(x, ${endless} || x)`, `IsNullOrEmpty(${endless}) || true`, `has(user.dict.big) && (${endless} ? true : true)`]) {
      expect(outcomeOf(source), source).toBe('stopped');
    }
  });

  it.each([
    'user.constructor', 'user["constructor"]', 'user["const" + "ructor"]', 'user.dict.constructor', 'user.dict["__proto__"]', 'user.dict["const" + "ructor"]',
    'any.constructor', 'any["__proto__"]', 'any["toString"]', 'user.username.constructor', 'user.groups.constructor', 'user.groups["length"]', 'user.username["length"]',
    'user.groups.filter', 'any.hasOwnProperty("x")', 'user.username.constructor("return process")()', 'process', 'globalThis', 'require("fs")', 'this', '__proto__',
    '{"__proto__": 1}.polluted', '{"constructor": 1}["__proto__"]', 'cel.constructor', 'google.constructor', '"constructor" in user.dict', 'type(user).constructor',
  ])('%s reaches nothing of the host', (source) => {
    const outcome = outcomeOf(source);
    const answer = outcome === 'value' ? compileExpression(source, { variables, result: 'dyn' }).evaluate(given) : undefined;
    expect(answer === undefined || (answer.ok && answer.value === false), source).toBe(true);
  });

  it('is handed no function, class or getter by mistake', () => {
    class Secret { readonly token = 'secret'; }
    const hostile = { user: { username: 'x', groups: [], dict: { secret: new Secret(), run: () => 'ran', nested: Object.create({ inherited: 'secret' }) as object } }, many: [], any: {} };
    for (const source of ['user.dict.secret', 'user.dict.secret.token', 'user.dict.run', 'user.dict.nested.inherited', 'ObjectToJsonString(user.dict)', 'inherited']) {
      const run = () => compileExpression(source, { variables, result: 'dyn' }).evaluate(hostile);
      if (source === 'inherited') expect(run).toThrow(ExpressionError);
      else expect(run().ok, source).toBe(false);
    }
  });

  it('leaves no prototype changed and keeps the process alive', () => {
    const answer = compileExpression('{"__proto__": {"polluted": true}, "a": 1}', { variables, result: 'dyn' }).evaluate(given);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
    if (answer.ok) expect((answer.value as { polluted?: boolean }).polluted).toBeUndefined();
  });

  it('keeps one expression apart from the next: neither values nor a broken parse stay behind', () => {
    const declaration = { variables, result: 'string' as const };
    const expression = compileExpression('user.username', declaration);
    expect(() => compileExpression('user.username + (', declaration)).toThrow(ExpressionError);
    expect(expression.evaluate({ user: { username: 'eve' } })).toEqual({ ok: true, value: 'eve' });
    expect(expression.evaluate({})).toMatchObject({ ok: false });
  });
});

/** Sources of all shapes, most of them nonsense; those that compile run on lists of 10,000. */
const sources = fc.letrec<{ part: string }>((tie) => ({
  part: fc.oneof({ maxDepth: 6, withCrossShrink: true },
    fc.constantFrom('1', '-3', '2.5', 'true', 'null', '"a"', '"😀"', 'user', 'user.username', 'user.groups', 'user.dict', 'user.dict.big', 'many', 'any', 'x', '[]', '{}', 'any.constructor', 'timestamp("2026-01-01T00:00:00Z")'),
    fc.tuple(tie('part'), fc.constantFrom('+', '-', '*', '/', '%', '==', '!=', '<', '>=', 'in', '&&', '||', '? 1 :', '.'), tie('part')).map((parts) => `(${parts.join(' ')})`),
    fc.tuple(tie('part'), fc.constantFrom('all', 'exists', 'exists_one', 'map', 'filter'), tie('part')).map(([range, macro, body]) => `${range}.${macro}(x, ${body})`),
    fc.tuple(fc.constantFrom('size', 'string', 'int', 'dyn', 'Append', 'Equals', 'IsNullOrEmpty', 'ObjectToJsonString', 'has', 'duration', 'type', 'bytes'), fc.array(tie('part'), { maxLength: 3 })).map(([name, given]) => `${name}(${given.join(', ')})`),
    fc.tuple(tie('part'), fc.constantFrom('split', 'join', 'sort', 'distinct', 'size', 'replace', 'matches', 'substring', 'indexOf', 'lowerAscii', 'getHours'), fc.array(tie('part'), { maxLength: 2 })).map(([on, name, given]) => `${on}.${name}(${given.join(', ')})`),
    fc.array(tie('part'), { maxLength: 4 }).map((items) => `[${items.join(', ')}]`),
    fc.tuple(tie('part'), tie('part')).map(([key, value]) => `{${key}: ${value}}`),
    fc.tuple(tie('part'), tie('part')).map(([value, body]) => `cel.bind(x, ${value}, ${body})`),
    fc.tuple(tie('part'), tie('part')).map(([from, key]) => `${from}[${key}]`),
  ),
})).part;

describe('attack: input.expression-limits: whatever is written', () => {
  it('compiles or is refused with its place, and ends in time with a value or an error', () => {
    let values = 0;
    fc.assert(fc.property(fc.oneof({ weight: 9, arbitrary: sources }, { weight: 1, arbitrary: fc.string({ maxLength: 60 }) }), (source) => {
      const before = process.threadCpuUsage();
      try {
        const answer = compileExpression(source, { variables, result: 'dyn' }).evaluate(given);
        if (answer.ok) {
          values += 1;
          JSON.stringify(answer.value);
        } else {
          expect(answer.error.message).not.toBe('It could not be evaluated.');
        }
      } catch (error) {
        if (!(error instanceof ExpressionError)) throw error;
        expect(error.position.line).toBeGreaterThan(0);
        expect(error.message).not.toBe('It is nested too deep.');
      }
      // Once only, with what the machine has to do the first time.
      const { user, system } = process.threadCpuUsage(before);
      expect((user + system) / 1_000).toBeLessThan(ceilingMs * 4);
    }), { numRuns: 2_000 });
    expect(values).toBeGreaterThan(50);
  });
});
