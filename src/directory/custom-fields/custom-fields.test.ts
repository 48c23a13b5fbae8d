import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startFeatures, type FeatureServer } from '../../../test/support/feature-server.ts';
import { createInstance } from '../../tenancy/index.ts';
import { directory } from '../routes.ts';
import { createUser, updateUser } from '../users.ts';
import { expressionUser } from '../user-expression.ts';
import { createCustomField } from './custom-fields.ts';
import { removeValues } from './removal.ts';
import { compilePattern, findPatternFault, longestMatched } from './patterns.ts';

let server: FeatureServer;
beforeAll(async () => { server = await startFeatures(directory); });
afterAll(async () => { await server.close(); });

interface Body { id: string; key: string; code: string; detail: string; customFields: Record<string, unknown>; errors: { field: string; code: string; detail: string }[]; usersWithout?: { count: number; isAtLeast: boolean }; items: { id: string; key: string; username: string }[] }
const api = async (...request: Parameters<FeatureServer['api']>) => {
  const answer = await server.api(...request);
  return { ...answer, body: answer.body as Body };
};
let count = 0;
const fresh = (what = 'field') => `${what}${count += 1}`;
const define = async (field: object) => (await api('POST', '/custom-fields', { key: fresh(), label: 'A field', type: 'text', ...field })).body;
const person = (customFields?: object) => api('POST', '/users', { username: fresh('person'), ...(customFields && { customFields }) });

describe('a definition', () => {
  it('is made, read, changed with its ETag, and deleted', async () => {
    const made = await api('POST', '/custom-fields', { key: 'department', label: 'Department', type: 'choice', choices: ['Sales', 'Engineering'] });
    expect([made.status, made.headers['etag']]).toEqual([201, '"1"']);
    expect((await api('GET', `/custom-fields/${made.body.id}`)).body).toEqual(made.body);
    expect((await api('PATCH', `/custom-fields/${made.body.id}`, { label: 'Team' }, { 'if-match': '"9"' })).status).toBe(412);
    expect((await api('PATCH', `/custom-fields/${made.body.id}`, { label: 'Team' }, { 'if-match': '"1"' })).body).toMatchObject({ label: 'Team', type: 'choice' });
    expect((await api('GET', '/custom-fields')).body.items.map(({ key }) => key)).toContain('department');
    expect((await api('DELETE', `/custom-fields/${made.body.id}`)).status).toBe(204);
    expect((await api('GET', `/custom-fields/${made.body.id}`)).status).toBe(404);
    const events = await server.context.db.event.findMany({ where: { subjectId: made.body.id }, orderBy: { sequence: 'asc' } });
    expect(events.map(({ type }) => type)).toEqual(['custom_field.created', 'custom_field.updated', 'custom_field.deleted']);
  });

  it.each([
    ['a key of a program', { key: 'constructor' }, 'key'], ['another one', { key: 'toString' }, 'key'], ['hidden machinery', { key: '__proto__' }, 'key'], ['prototype', { key: 'prototype' }, 'key'],
    ['a key with a dot', { key: 'a.b' }, 'key'], ['a key with a capital first', { key: 'Department' }, 'key'], ['a long key', { key: 'a'.repeat(65) }, 'key'],
    ['a choice without choices', { type: 'choice' }, 'choices'], ['choices for a text', { choices: ['a'] }, 'choices'], ['a choice twice', { type: 'choice', choices: ['a', 'a'] }, 'choices'],
    ['a unique list', { type: 'list', unique: true }, 'unique'], ['a unique boolean', { type: 'boolean', unique: true }, 'unique'], ['a pattern for a number', { type: 'number', pattern: '1' }, 'pattern'],
    ['lengths upside down', { minLength: 5, maxLength: 2 }, 'maxLength'], ['a type that is none', { type: 'object' }, 'type'], ['a pattern that is none', { pattern: '(' }, 'pattern'],
    ['a pattern with look-around', { pattern: '(?=a)b' }, 'pattern'], ['a back reference', { pattern: '(a)\\1' }, 'pattern'], ['a visibility that is none', { visibleTo: 'everybody' }, 'visibleTo'],
  ])('is refused for %s', async (_what, field, where) => {
    const { status, body } = await api('POST', '/custom-fields', { key: fresh(), label: 'A field', type: 'text', ...field });
    expect([status, [...new Set(body.errors.map((error) => error.field))]]).toEqual([400, [where]]);
  });

  it('is refused for a key that is taken', async () => {
    const { key } = await define({});
    expect((await api('POST', '/custom-fields', { key, label: 'Again', type: 'text' })).status).toBe(409);
  });

  it('belongs to its instance', async () => {
    const other = await createInstance(server.core, { id: 'elsewhere', name: 'Elsewhere' });
    const theirs = await createCustomField(other, { key: 'theirs', label: 'Theirs', type: 'text', required: true });
    expect((await api('GET', `/custom-fields/${theirs.id}`)).status).toBe(404);
    expect((await api('PATCH', `/custom-fields/${theirs.id}`, { label: 'Ours' })).status).toBe(404);
    expect((await api('DELETE', `/custom-fields/${theirs.id}`)).status).toBe(404);
    expect((await person({ theirs: 'x' })).status).toBe(400);
    expect((await person()).status).toBe(201);
  });
});

describe('a value', () => {
  it.each([
    [{ type: 'text' }, 'Sales', ['', ' \u200B', 7, true, ['a'], 'a\nb', 'a\u202Eb', 'x'.repeat(1_001)]],
    [{ type: 'text', minLength: 2, maxLength: 4 }, 'abc', ['a', 'abcde']],
    [{ type: 'text', pattern: 'E-[0-9]{4}' }, 'E-1234', ['E-123', 'xE-1234', 'E-1234\u00A0', 'E-12345']],
    [{ type: 'number' }, -12.5, ['1', true, 1e16]],
    [{ type: 'boolean' }, false, ['false', 0]],
    [{ type: 'date' }, '2027-02-28', ['2027-02-29', '2027-2-1', '28.02.2027', 20270228, '2027-02-28T00:00:00Z']],
    [{ type: 'choice', choices: ['a', 'b'] }, 'b', ['c', 'B', '', ['a']]],
    [{ type: 'list' }, ['a', 'b'], ['a', [1], ['a', 'a'], [['a']]]],
    [{ type: 'list', choices: ['a', 'b'], minLength: 1, maxLength: 2 }, ['b'], [[], ['c']]],
  ])('of %j is %j', async (definition, right, wrong) => {
    const { key } = await define(definition);
    const made = await person({ [key]: right });
    expect([made.status, made.body.customFields]).toEqual([201, { [key]: right }]);
    for (const value of wrong) {
      const created = await person({ [key]: value });
      expect([value, created.status]).toEqual([value, 400]);
      const changed = await api('PATCH', `/users/${made.body.id}`, { customFields: { [key]: value } });
      expect([value, changed.status]).toEqual([value, 400]);
    }
    expect((await api('PATCH', `/users/${made.body.id}`, { customFields: { [key]: null } })).body.customFields).toEqual({});
  });

  it('leaves the others as they are, and is seen by expressions', async () => {
    const [one, two] = [await define({}), await define({ type: 'number' })];
    const { body } = await person({ [one.key]: 'a', [two.key]: 1 });
    await api('PATCH', `/users/${body.id}`, { customFields: { [two.key]: 2 } });
    await api('PATCH', `/users/${body.id}`, { displayName: 'Renamed' });
    expect((await expressionUser(server.context, body.id)).dict).toEqual({ [one.key]: 'a', [two.key]: 2 });
  });

  it('is found by a filter, in the spelling of names', async () => {
    const { key } = await define({ type: 'list' });
    const { body } = await person({ [key]: ['Sales', 'Support'] });
    await person({ [key]: ['Research'] });
    for (const value of ['Sales', 'SALES', 'support']) expect((await api('GET', `/users?customField=${key}:${value}`)).body.items.map(({ id }) => id)).toEqual([body.id]);
    expect((await api('GET', `/users?customField=${key}:Sal`)).body.items).toEqual([]);
    expect((await api('GET', '/users?customField=nosuch:x')).status).toBe(400);
    await api('PATCH', `/users/${body.id}`, { customFields: { [key]: null } });
    expect((await api('GET', `/users?customField=${key}:Sales`)).body.items).toEqual([]);
  });

  it('that is read-only stays once it is given; a source of users may change it', async () => {
    const { key } = await define({ readOnly: true });
    const { body } = await person();
    expect((await api('PATCH', `/users/${body.id}`, { customFields: { [key]: 'first' } })).status).toBe(200);
    expect((await api('PATCH', `/users/${body.id}`, { customFields: { [key]: 'first' } })).status).toBe(200);
    const refused = await api('PATCH', `/users/${body.id}`, { customFields: { [key]: 'second' } });
    expect([refused.status, refused.body.errors[0]]).toMatchObject([400, { field: `customFields.${key}`, code: 'read_only' }]);
    expect((await api('PATCH', `/users/${body.id}`, { customFields: { [key]: null } })).status).toBe(400);
    expect((await updateUser(server.context, body.id, { customFields: { [key]: 'second' } }, { bySource: true })).customFields).toEqual({ [key]: 'second' });
  });
});

describe('a required field', () => {
  it('is demanded of new users, and tells how many have none', async () => {
    const context = await createInstance(server.core, { id: 'required', name: 'Required' });
    const without = await createUser(context, { username: 'without' });
    const { updateCustomField } = await import('./custom-fields.ts');
    const field = await createCustomField(context, { key: 'badge', label: 'Badge', type: 'text' });
    expect(await updateCustomField(context, field.id, { required: true })).toMatchObject({ usersWithout: { count: 1, isAtLeast: false } });
    await expect(createUser(context, { username: 'new' })).rejects.toMatchObject({ status: 400, errors: [{ field: 'customFields.badge', code: 'required' }] });
    await expect(createUser(context, { username: 'new', customFields: { badge: null } })).rejects.toMatchObject({ status: 400 });
    // Who has none can still be changed, and once given it stays.
    expect((await updateUser(context, without.id, { displayName: 'Still' })).displayName).toBe('Still');
    await updateUser(context, without.id, { customFields: { badge: '7' } });
    await expect(updateUser(context, without.id, { customFields: { badge: null } })).rejects.toMatchObject({ status: 400 });
  });
});

describe('a unique field', () => {
  it('gives one of 20 who ask for the same value at once', async () => {
    const { key } = await define({ unique: true });
    const answers = await Promise.all(Array.from({ length: 20 }, (_value, index) => person({ [key]: index % 2 ? 'Badge-1' : 'BADGE-1' })));
    expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array.from({ length: 19 }, () => 409)]);
    const refused = answers.find(({ status }) => status === 409);
    expect(refused?.body).toMatchObject({ code: 'Operation.Failure.CustomField.Value.Taken', errors: [{ field: `customFields.${key}`, code: 'taken' }] });
  });

  it('frees a value that is changed, and keeps it for its owner', async () => {
    const { key } = await define({ unique: true });
    const [first, second] = [(await person({ [key]: 'a' })).body, (await person({ [key]: 'b' })).body];
    expect((await api('PATCH', `/users/${second.id}`, { customFields: { [key]: 'A' } })).status).toBe(409);
    expect((await api('PATCH', `/users/${first.id}`, { customFields: { [key]: 'A' } })).status).toBe(200);
    expect((await api('PATCH', `/users/${first.id}`, { customFields: { [key]: 'c' } })).status).toBe(200);
    expect((await api('PATCH', `/users/${second.id}`, { customFields: { [key]: 'a' } })).status).toBe(200);
  });

  it('cannot become unique while two have the same value', async () => {
    const { id, key } = await define({});
    const [first] = [(await person({ [key]: 'same' })).body, (await person({ [key]: 'Same' })).body];
    const refused = await api('PATCH', `/custom-fields/${id}`, { unique: true });
    expect([refused.status, refused.body.detail]).toEqual([409, '2 users have the same value (or one that looks the same), so the field cannot become unique.']);
    await api('PATCH', `/users/${first.id}`, { customFields: { [key]: 'other' } });
    expect((await api('PATCH', `/custom-fields/${id}`, { unique: true })).status).toBe(200);
    expect((await person({ [key]: 'SAME' })).status).toBe(409);
  });
});

describe('a change that values stand against', () => {
  it('of the type is refused while there are values', async () => {
    const { id, key } = await define({});
    const { body } = await person({ [key]: '7' });
    const refused = await api('PATCH', `/custom-fields/${id}`, { type: 'number' });
    expect([refused.status, refused.body.detail]).toEqual([409, '1 user has a value of this field: its type cannot change. Delete the field with its values, or make another one.']);
    await api('PATCH', `/users/${body.id}`, { customFields: { [key]: null } });
    expect((await api('PATCH', `/custom-fields/${id}`, { type: 'number' })).status).toBe(200);
  });

  it('of the choices says which are in use', async () => {
    const { id, key } = await define({ type: 'choice', choices: ['a', 'b', 'c'] });
    await person({ [key]: 'b' });
    expect((await api('PATCH', `/custom-fields/${id}`, { choices: ['a', 'b'] })).status).toBe(200);
    const refused = await api('PATCH', `/custom-fields/${id}`, { choices: ['a'] });
    expect([refused.status, refused.body.errors]).toMatchObject([409, [{ field: 'choices', detail: 'b: 1 user' }]]);
  });

  it('deletion says who has values, and takes them away in the background when told to', async () => {
    const { id, key } = await define({ unique: true });
    const { body } = await person({ [key]: 'kept?' });
    const refused = await api('DELETE', `/custom-fields/${id}`);
    expect([refused.status, refused.body.detail]).toMatchObject([409, expect.stringContaining('1 user') as string]);
    await server.core.jobs.start();
    expect((await api('DELETE', `/custom-fields/${id}?discardValues=true`)).status).toBe(204);
    expect((await person({ [key]: 'x' })).status).toBe(400);
    await removeValues(server.context, id);
    expect((await api('GET', `/users/${body.id}`)).body.customFields).toEqual({});
    expect(await server.context.db.customFieldValue.count({ where: { fieldId: id } })).toBe(0);
    expect((await api('POST', '/custom-fields', { key, label: 'Again', type: 'number' })).status).toBe(201);
    await server.core.jobs.stop(0);
  });
});

describe('attack: input.expression-limits', () => {
  const evil = 'a'.repeat(longestMatched - 1);
  const pairs: [string, string][] = [
    ['(a+)+', `${evil}!`], ['(a|a)*', `${evil}!`], ['(a|aa)+', `${evil}!`], ['(.*a){12}', `${evil}!`], ['([a-zA-Z]+)*', `${evil}!`], ['(x+x+)+y', 'x'.repeat(longestMatched)], ['^(([a-z])+.)+[A-Z]([a-z])+$', evil],
    ['(a{1,20}){1,20}', `${evil}!`], ['(?:a?){100}a{100}', evil], ['(.+)+@(.+)+\\.(.+)+', `${'@a.'.repeat(80)}`], ['(\\d+)*$', `${'1'.repeat(200)}x`], ['[\\p{L}]{1,400}', 'é'.repeat(longestMatched)], ['((a*)*)*b', evil],
  ];

  it.each(pairs)('the pattern %s is refused when it is saved, or done within 50 ms', (pattern, value) => {
    if (findPatternFault(pattern) !== undefined) return;
    const matches = compilePattern(pattern);
    matches(value);                                            // compiled by now, as after the first value
    const times = Array.from({ length: 5 }, () => { const start = performance.now(); matches(value); return performance.now() - start; });
    expect(Math.min(...times)).toBeLessThan(50);
  });

  it.each(['(((a{0,100}){0,100}){0,100})', 'a{1001}', 'a'.repeat(201), '(a{30}){30}', '[', '(?<=a)b', '(?P=x)', '\\8', '(?#', '*a'])('the pattern %.30s is refused', (pattern) => {
    const start = performance.now();
    expect(findPatternFault(pattern)).toBeTypeOf('string');
    expect(performance.now() - start).toBeLessThan(50);
  });
});
