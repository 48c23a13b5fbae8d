import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startFeatures, type FeatureServer } from '../../test/support/feature-server.ts';
import { notifications } from './routes.ts';
import { checkTemplate } from './templates.ts';
import { channels, definitionOf, locales, templateNames } from './template-list.ts';
import { en } from './words/en.ts';
import { zhCn } from './words/zh-cn.ts';

let server: FeatureServer;
beforeAll(async () => { server = await startFeatures(notifications); });
afterAll(() => server.close());

const path = '/notification-templates/sign_in_code/email/en';
interface Body { subject: string; text: string; html: string; own: boolean; code: string; errors: { field: string; code: string }[]; items: unknown[] }

describe('templates', () => {
  it('the built-in words of every template in every channel and language pass what is asked of one\'s own', () => {
    for (const template of templateNames) for (const channel of channels) for (const locale of locales) {
      if (!definitionOf(template).channels.includes(channel)) continue;
      const { subject, text, sms } = (locale === 'en' ? en : zhCn)[template];
      expect(() => { checkTemplate(template, channel, channel === 'email' ? { subject, text } : { subject: null, text: sms ?? '' }); }, `${template} ${channel} ${locale}`).not.toThrow();
      if (channel === 'sms') expect(sms).toBeTruthy();
    }
  });

  it('words of the instance take the place of the built-in ones, until they are reset; stale changes are refused', async () => {
    const first = await server.api('GET', path);
    expect(first).toMatchObject({ status: 200, body: { own: false, variables: ['instance', 'code', 'minutes'] }, headers: { etag: '"0"' } });
    expect(await server.api('PUT', path, { subject: 'Code', text: 'Here: {{code}}' }, { 'if-match': '"0"' })).toMatchObject({ status: 200, body: { own: true }, headers: { etag: '"1"' } });
    expect(await server.api('PUT', path, { subject: 'Code', text: 'Now: {{code}}' }, { 'if-match': '"0"' })).toMatchObject({ status: 412 });
    expect(await server.api('POST', `${path}/preview`, {})).toMatchObject({ status: 200, body: { subject: 'Code', text: 'Here: 123456' } });
    expect(await server.api('DELETE', path)).toMatchObject({ status: 204 });
    expect(await server.api('DELETE', path)).toMatchObject({ status: 404 });
    const types = (await server.core.database.event.findMany({ orderBy: { sequence: 'asc' } })).map(({ type }) => type);
    expect(types).toEqual(['notification_template.changed', 'notification_template.reset']);
  });

  it('a second server uses the new words within a second', async () => {
    const other = await server.another();
    const { loadWords } = await import('./templates.ts');
    const there = { ...server.context, core: other };
    await loadWords(there, 'test', 'sms', 'en');
    await server.api('PUT', '/notification-templates/test/sms/en', { text: 'Hello from {{instance}}' });
    await expect.poll(async () => (await loadWords(there, 'test', 'sms', 'en')).text, { timeout: 1_000 }).toBe('Hello from {{instance}}');
  });

  it('what is in a message for two channels has words in two languages', async () => {
    const { items } = (await server.api('GET', '/notification-templates')).body as Body;
    expect(items.length).toBe(templateNames.reduce((sum, name) => sum + definitionOf(name).channels.length * locales.length, 0));
    expect(await server.api('GET', '/notification-templates/magic_link/sms/en')).toMatchObject({ status: 404 });
  });
});

describe('attack: out.template', () => {
  it.each([
    '{{constructor}}', '{{__proto__}}', '{{toString}}', '{{hasOwnProperty}}', '{{code.length}}', '{{ code }}', '{{#each code}}x{{/each}}', '{{> partial}}', '{{{code}}}', '{{code|safe}}', '{{this}}',
    '{{code}}{{"a".constructor}}', '{{#if code}}x{{/if}}', '{% include "x" %}', '{% for a in b %}', '<%= process.env %>', '${process.env}', '#{code}', '{{code}} {{', '}}', '{{password}}', '{{code\u0000}}',
  ])('%j is refused when it is saved and previewed, in text and subject', async (words) => {
    for (const body of [{ subject: 'S', text: `{{code}} ${words}` }, { subject: words, text: '{{code}}' }]) {
      expect(await server.api('PUT', path, body)).toMatchObject({ status: 400, body: { code: 'Params.Illegal' } });
      expect(await server.api('POST', `${path}/preview`, body)).toMatchObject({ status: 400 });
    }
    expect(await server.core.database.notificationTemplate.count({ where: { template: 'sign_in_code' } })).toBe(0);
  });

  it('words without their code, or with a subject they cannot have, are refused', async () => {
    expect(await server.api('PUT', path, { subject: 'S', text: 'no code' })).toMatchObject({ status: 400, body: { errors: [{ field: 'text', code: 'missing_variable' }] } });
    expect(await server.api('PUT', path, { text: '{{code}}' })).toMatchObject({ status: 400, body: { errors: [{ field: 'subject' }] } });
    expect(await server.api('PUT', '/notification-templates/sign_in_code/sms/en', { subject: 'S', text: '{{code}}' })).toMatchObject({ status: 400 });
    expect(await server.api('PUT', '/notification-templates/__proto__/email/en', { subject: 'S', text: '{{code}}' })).toMatchObject({ status: 400 });
  });

  it('a name with markup, links or braces is shown as text: no tag, no link for a mail program to make, nothing filled in', async () => {
    const displayName = '<a href="https://evil.example">x</a> https://evil.example www.evil.example me@evil.example {{code}} <img src=x onerror=alert(1)>';
    const answer = await server.api('POST', '/notification-templates/registration_received/email/en/preview', { variables: { displayName } });
    const { text, html } = answer.body as Body;
    expect(html).not.toMatch(/<(?!\/?(p|br|strong|a href="http:\/\/localhost)\b)/);
    expect(html).toContain('&lt;img');
    for (const shown of [text, html]) expect(shown).not.toMatch(/https?:\/\/evil|www\.evil|@evil|evil\.example/);
    expect(text).toContain('{{code}}');
  });

  it('markup in one\'s own words stays text', async () => {
    const { html } = (await server.api('POST', `${path}/preview`, { text: '<script>alert(1)</script> {{code}}' })).body as Body;
    expect(html).toMatch(/^<p>&lt;script&gt;/);
  });

  it('variables that are none cannot be given', async () => {
    const body = JSON.parse('{"variables":{"__proto__":"x","constructor":"y"}}') as object;
    expect((await server.api('POST', `${path}/preview`, body)).status).toBe(400);
  });
});
