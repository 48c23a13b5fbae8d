import { describe, expect, it } from 'vitest';
import { compileExpression, ExpressionError, type ExpressionDeclaration, type ExpressionType } from './index.ts';

const user: ExpressionType = {
  object: {
    username: 'string', email: 'string', emailVerified: 'bool', age: 'int', createdAt: 'timestamp',
    groups: { list: 'string' }, dict: { map: 'dyn' },
  },
};
const variables = { user, roles: { list: 'string' } as ExpressionType, level: 'int' as ExpressionType };
const ada = {
  user: {
    username: 'ada', email: 'ada@example.com', emailVerified: true, age: 36, createdAt: new Date('2026-03-29T10:30:00Z'),
    groups: ['Sales', 'Board'], dict: { department: 'sales', seats: 3, tags: ['a', 'b'], address: { city: 'Bern' } },
  },
  roles: ['admin', 'user'], level: 2,
};

function gives(source: string, result: ExpressionDeclaration['result'] = 'dyn', given: Record<string, unknown> = ada): unknown {
  const answer = compileExpression(source, { variables, result }).evaluate(given);
  return answer.ok ? answer.value : `error: ${answer.error.message}`;
}

function refusal(source: string, result: ExpressionDeclaration['result'] = 'dyn'): ExpressionError {
  try {
    compileExpression(source, { variables, result });
  } catch (error) {
    if (error instanceof ExpressionError) return error;
    throw error;
  }
  throw new Error(`taken: ${source}`);
}

describe('an expression', () => {
  it.each<[string, unknown]>([
    ['user.username + "!"', 'ada!'],
    ['user.age + 1', 37],
    ['user.age / 5', 7],
    ['user.age % 5 == 1 && level >= 2', true],
    ['7.5 / 2.5', 3],
    ['"Sales" in user.groups', true],
    ['"seats" in user.dict', true],
    ['user.groups.exists(g, g.startsWith("Bo"))', true],
    ['user.groups.all(g, g.size() > 4)', true],
    ['user.groups.exists_one(g, g == "Board")', true],
    ['user.groups.map(g, g.lowerAscii())', ['sales', 'board']],
    ['user.groups.map(g, g != "Board", "x:" + g)', ['x:Sales']],
    ['roles.filter(r, r != "user")', ['admin']],
    ['roles + ["guest"]', ['admin', 'user', 'guest']],
    ['(roles + roles).distinct().join(",")', 'admin,user'],
    ['["b", "a"].sort()', ['a', 'b']],
    ['"a,b,c".split(",", 2)', ['a', 'b,c']],
    ['"a-b".replace("-", "+").upperAscii()', 'A+B'],
    ['user.email.substring(0, user.email.indexOf("@"))', 'ada'],
    ['user.email.matches("^[a-z]+@example\\\\.com$")', true],
    ['has(user.dict.department) && !has(user.dict.office)', true],
    ['user.dict.department == "sales" ? "s" : "other"', 's'],
    ['user.dict.seats + 1', 4],
    ['user.dict.seats > 2', true],
    ['user.dict.address.city', 'Bern'],
    ['user.dict["tags"][1]', 'b'],
    ['cel.bind(name, user.username, name + name)', 'adaada'],
    ['{"role": roles[0], "seats": 2}', { role: 'admin', seats: 2 }],
    ['size("héllo") + size(roles) + size(user.dict)', 11],
    ['user.createdAt.getHours("Europe/Zurich")', 12],
    ['user.createdAt < timestamp("2027-01-01T00:00:00Z") - duration("24h")', true],
    ['(timestamp("2026-03-29T12:00:00Z") - user.createdAt).getMinutes()', 90],
    ['string(level) + string(true) + string(1.5)', '2true1.5'],
    ['int("41") + int(1.9)', 42],
    ['dyn(1) == 1.0', true],
    ['-level', -2],
    ['roles == ["admin", "user"] && {"a": 1} == {"a": 1}', true],
  ])('%s', (source, value) => {
    expect(gives(source)).toEqual(value);
  });

  it.each<[string, unknown]>([
    ['Append(user.dict.department, ":", user.username)', 'sales:ada'],
    ['Append(user.dict.seats, "/", user.dict.missing)', '3/'],
    ['Equals(user.dict.department, "sales")', true],
    ['Equals(user.dict.missing, "sales")', false],
    ['IsNullOrEmpty(user.dict.missing)', true],
    ['IsNullOrEmpty(user.username)', false],
    ['IsNullOrEmpty([])', true],
    ['ObjectToJsonString(user.dict.address)', '{"city":"Bern"}'],
    ['ObjectToJsonString([1, 2])', '[1,2]'],
  ])('in the vendor\'s spelling: %s', (source, value) => {
    expect(gives(source)).toEqual(value);
  });

  it('takes what has no value as not there', () => {
    const nobody = { user: { username: 'x', email: null, dict: {}, groups: [] }, roles: [], level: 0 };
    expect(gives('has(user.email)', 'bool', nobody)).toBe(false);
    expect(gives('IsNullOrEmpty(user.email)', 'bool', nobody)).toBe(true);
    expect(gives('user.dict.department == "sales"', 'bool', nobody)).toBe('error: There is no "department".');
    expect(gives('user.email.endsWith("x")', 'bool', nobody)).toMatch(/^error: /);
    expect(gives('user.email + "x"', 'string', nobody)).toMatch(/^error: /);
  });

  it('lets one side decide even where the other fails', () => {
    expect(gives('user.dict.nothing == "x" || level == 2', 'bool')).toBe(true);
    expect(gives('user.dict.nothing == "x" && level == 3', 'bool')).toBe(false);
    expect(gives('user.dict.nothing == "x" || level == 3', 'bool')).toMatch(/^error: /);
    expect(gives('[0, 1].exists(n, 1 / n == 1)', 'bool')).toBe(true);
    expect(gives('[0, 1].all(n, 1 / n == 1)', 'bool')).toMatch(/^error: Division by zero/);
  });

  it('says where it failed', () => {
    const answer = compileExpression('level > 1 &&\n  user.dict.office == "Bern"', { variables, result: 'bool' }).evaluate(ada);
    expect(answer).toEqual({ ok: false, error: { message: 'There is no "office".', position: { line: 2, column: 13, offset: 25 } } });
  });

  it('gives only what was wanted', () => {
    expect(gives('user.dict.department', 'bool')).toBe('error: It gives a string, but bool is wanted.');
    expect(gives('user.dict.tags', { list: 'string' })).toEqual(['a', 'b']);
    expect(gives('[user.dict.seats]', { list: 'string' })).toMatch(/^error: /);
    expect(gives('level > 1 ? "a" : "b"', ['string', { list: 'string' }])).toBe('a');
    expect(gives('roles', ['string', { list: 'string' }])).toEqual(['admin', 'user']);
  });

  it('is found again', () => {
    const declaration = { variables, result: 'bool' } as const;
    expect(compileExpression('level == 1', declaration)).toBe(compileExpression('level == 1', { ...declaration }));
    expect(compileExpression('level == 1', { variables, result: 'dyn' })).not.toBe(compileExpression('level == 1', declaration));
  });
});

describe('the type check', () => {
  it('knows the variables of each declaration apart, also those of one name', () => {
    const one = { variables: { user: { object: { name: 'string', inner: { object: { a: 'int' } } } } }, result: 'dyn' } as const;
    const other = { variables: { user: { object: { age: 'int', inner: { object: { b: 'string' } } } } }, result: 'dyn' } as const;
    for (let round = 0; round < 2; round += 1) {
      expect(compileExpression('user.inner.a + 1', one).evaluate({ user: { name: 'x', inner: { a: 1 } } })).toEqual({ ok: true, value: 2 });
      expect(compileExpression('user.inner.b + "1"', other).evaluate({ user: { age: 1, inner: { b: 'x' } } })).toEqual({ ok: true, value: 'x1' });
      expect(() => compileExpression('user.age', one)).toThrow('No such key: age');
      expect(() => compileExpression('user.name', other)).toThrow('No such key: name');
      expect(() => compileExpression('user.inner.b', one)).toThrow('No such key: b');
    }
  });

  it.each<[string, ExpressionDeclaration['result'], Partial<ExpressionError>]>([
    ['user.emial == "x"', 'bool', { message: 'No such key: emial', hint: 'Did you mean "email"?', position: { line: 1, column: 6, offset: 5 } }],
    ['usr.email', 'string', { message: 'Unknown variable: usr', hint: 'Did you mean "user"?' }],
    ['something', 'string', { hint: 'Known here: user, roles, level.' }],
    ['level + "x"', 'dyn', { message: 'no such overload: int + string' }],
    ['user.age == "x"', 'bool', {}],
    ['level = 1', 'bool', { message: 'Unexpected character: =', hint: 'Equality is written "==".' }],
    ['level == 1 ||\n(roles', 'bool', { position: { line: 2, column: 7, offset: 20 } }],
    ['roles', 'bool', { message: 'It gives list<string>, but bool is wanted.' }],
    ['level', ['string', { list: 'string' }], { message: 'It gives int, but string or list<string> is wanted.' }],
    ['user.username.lowerAsci()', 'string', { message: 'There is no method lowerAsci().', hint: 'Did you mean "lowerAscii()"?' }],
    ['IsNulOrEmpty(roles)', 'bool', { hint: 'Did you mean "IsNullOrEmpty()"?' }],
    ['user.username.matches(user.email)', 'bool', { message: 'The pattern of matches() is written out as a text, not computed.' }],
    ['user.username.matches("(a")', 'bool', {}],
    ['b"abc" == b"abc"', 'bool', { message: 'Bytes and unsigned ints are not supported.' }],
    ['', 'bool', {}],
    [`${'('.repeat(80)}true${')'.repeat(80)}`, 'bool', { message: 'It has more than 64 levels of nesting.' }],
    [`[${'1,'.repeat(300)}1]`, 'dyn', { message: 'It has more than 256 elements in a list.' }],
    [Array.from({ length: 10 }, () => `[${'1,'.repeat(200)}1]`).join('+'), 'dyn', { message: 'It has more than 1,000 parts.' }],
    ['user', 'string', { message: 'It gives user, but string is wanted.' }],
  ])('refuses %s', (source, result, error) => {
    expect(refusal(source, result)).toMatchObject(error);
  });
});
