import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { selfSignedCertificate } from '../../test/support/certificate.ts';
import { startFeatures, type FeatureServer } from '../../test/support/feature-server.ts';
import { listen, type Listener } from '../../test/support/listener.ts';
import { type MailServer, startMailServer } from '../../test/support/mail-server.ts';
import { deliver } from './deliver.ts';
import { notifications } from './routes.ts';
import { type Message, sendNotification } from './send.ts';
import { sendMail } from './smtp.ts';
import { smtpSettings } from './gateway-settings.ts';

let server: FeatureServer;
let mailServer: MailServer;
const certificate = selfSignedCertificate();
beforeAll(async () => {
  server = await startFeatures(notifications, { OUTBOUND_ALLOW: 'localhost,127.0.0.1' });
  mailServer = await startMailServer({ ...certificate, secure: false, refuse: (to) => (to.startsWith('gone') ? { code: 550, text: `no such user ${to}` } : to.startsWith('busy') ? { code: 451, text: 'try later' } : undefined) });
  await server.core.jobs.start();
 
});
afterAll(async () => { await server.core.jobs.stop(0); await mailServer.close(); await server.close(); });
beforeEach(async () => {
  mailServer.mails.length = 0;
  mailServer.passwords.length = 0;
  await server.core.database.notificationGateway.deleteMany({});
});

interface View { id: string; status: string; errorCode: string; errorDetail: string; attempts: number; code: string; errors: { field: string; code: string }[]; hasSecret: boolean; result: string }
const settings = (further: object = {}) => ({ host: 'localhost', port: mailServer.port, security: 'none', from: 'postern@example.com', ...further });
async function addGateway(further: object = {}, body: object = {}): Promise<View> {
  const answer = await server.api('POST', '/notification-gateways', { name: 'Mail', kind: 'smtp', settings: settings(further), ...body });
  expect(answer).toMatchObject({ status: 201 });
  return answer.body as View;
}
const send = (message: Partial<Message> & { to: string | undefined }) => server.context.transaction((tx) => sendNotification(tx, { template: 'sign_in_code', channel: 'email', variables: { code: '492039', minutes: '10' }, ...message } as Message));
async function after(id: string): Promise<View> {
  // The job may be at it already; either way one of the two writes down how it went.
  await deliver(server.core, 'default', id).catch(() => undefined);
  await expect.poll(async () => await server.core.database.notificationMessage.count({ where: { id, OR: [{ status: { not: 'queued' } }, { errorCode: { not: null } }] } }), { timeout: 10_000 }).toBe(1);
  return (await server.api('GET', `/notifications/${id}`)).body as View;
}
const plain = (source: string) => source.replace(/=\r?\n/g, '').replace(/=([0-9A-F]{2})/g, (_match, hex: string) => String.fromCharCode(parseInt(hex, 16)));

describe('mails', () => {
  it('arrive with subject, text and HTML in the language asked for; the log has neither code nor address', async () => {
    await addGateway();
    const { id } = await send({ to: 'alice@example.org', locale: 'en-GB' });
    expect(await after(id)).toMatchObject({ status: 'sent', attempts: 1 });
    const [mail] = mailServer.mails;
    expect(mail).toMatchObject({ from: 'postern@example.com', to: ['alice@example.org'] });
    expect(plain(mail?.source ?? '')).toMatch(/Auto-Submitted: auto-generated[\s\S]*Subject: 492039 is your code for default[\s\S]*Your code to sign in[\s\S]*<strong[^>]*>492039<\/strong>/);
    expect(JSON.stringify((await server.api('GET', '/notifications')).body)).not.toMatch(/492039|alice@/);
    expect(await server.core.database.notificationMessage.findFirst({ where: { id } })).toMatchObject({ sealedContent: null });
  });

  it('leave only after the commit, and by the job', async () => {
    await addGateway();
    await expect(server.context.transaction(async (tx) => {
      await sendNotification(tx, { template: 'test', channel: 'email', to: 'never@example.org', variables: {} });
      throw new Error('rolled back');
    })).rejects.toThrow('rolled back');
    await server.context.transaction((tx) => sendNotification(tx, { template: 'test', channel: 'email', to: 'soon@example.org', variables: {} }));
    await expect.poll(() => mailServer.mails.map(({ to }) => to), { timeout: 10_000 }).toEqual([['soon@example.org']]);
  });

  it('to nobody are the same rows and end as such', async () => {
    await addGateway();
    const { id } = await send({ to: undefined });
    expect(await after(id)).toMatchObject({ status: 'nobody', recipient: null });
    expect(mailServer.mails).toEqual([]);
  });

  it.each([
    ['a mailbox that does not exist is not tried again', 'gone@example.org', { status: 'failed', errorCode: '550', errorDetail: '550 no such user …' }],
    ['a server that is busy is', 'busy@example.org', { status: 'queued', errorCode: '451' }],
  ])('%s', async (_name, to, expected) => {
    await addGateway();
    expect(await after((await send({ to })).id)).toMatchObject(expected);
  });

  it('too late for their code are not sent', async () => {
    await addGateway();
    const { id } = await send({ to: 'late@example.org' });
    await server.core.database.notificationMessage.updateMany({ where: { id, status: 'queued' }, data: { expiresAt: new Date(Date.now() - 1) } });
    expect((await after(id)).status).toMatch(/expired|sent/);
  });

  it('are refused, or dropped, when one address had too many; another one is not held up', async () => {
    for (let count = 0; count < 30; count += 1) await send({ to: 'flood@example.org' });
    await expect(send({ to: 'Flood@example.org' })).rejects.toMatchObject({ status: 429, headers: { 'retry-after': '3600' } });
    const { id } = await send({ to: 'flood@example.org', whenLimited: 'drop' });
    expect((await server.api('GET', `/notifications/${id}`)).body).toMatchObject({ status: 'limited' });
    await send({ to: 'other@example.org' });
  });
});

describe('encryption', () => {
  it('is the default: a certificate that nobody vouches for gets no password', async () => {
    const gateway = await addGateway({ security: 'starttls', username: 'postern' }, { secret: 'mail-password' });
    const answer = await server.api('POST', `/notification-gateways/${gateway.id}/test`, { to: 'alice@example.org' });
    expect(answer.body).toMatchObject({ result: 'configuration' });
    expect(mailServer.passwords).toEqual([]);
  });

  it('takes the authority that the gateway names, and then sends the password', async () => {
    const gateway = await addGateway({ security: 'starttls', username: 'postern', certificateAuthority: certificate.cert }, { secret: 'mail-password' });
    expect((await server.api('POST', `/notification-gateways/${gateway.id}/test`, { to: 'alice@example.org' })).body).toMatchObject({ result: 'sent' });
    expect(mailServer.passwords).toEqual(['mail-password']);
  });

  it('none means no password either', async () => {
    const answer = await server.api('POST', '/notification-gateways', { name: 'Mail', kind: 'smtp', settings: settings({ username: 'postern' }), secret: 'mail-password' });
    expect(answer).toMatchObject({ status: 400, body: { errors: [{ field: 'settings.security' }] } });
  });
});

describe('attack: out.mail-header', () => {
  const hostile = [
    'a@example.org\r\nBcc: b@example.org', 'a@example.org\nRCPT TO:<b@example.org>', 'a@example.org, b@example.org', 'a@example.org b@example.org', 'a@example.org;b@example.org',
    '"a b"@example.org', '"a@example.org,b"@example.net', 'a(comment)@example.org', 'a@example.org(b)', 'undisclosed: a@example.org, b@example.org;', 'Name <a@example.org>', '<a@example.org>',
    '@relay.example,@other.example:a@example.org', 'a@example.org>', 'a%00@example.org\0', 'a@[127.0.0.1]', 'a..b@example.org', '.a@example.org', 'a@example.org.', 'a@-example.org', 'a@b@example.org', '',
  ];
  it.each(hostile)('%j is no address: refused at each door, and nothing is sent', async (to) => {
    const gateway = await addGateway();
    await expect(send({ to })).rejects.toMatchObject({ status: 400 });
    expect(await server.api('POST', `/notification-gateways/${gateway.id}/test`, { to })).toMatchObject({ status: 400 });
    await expect(sendMail(server.context, smtpSettings.parse(settings()), undefined, { to, subject: 's', text: 't', html: '', messageId: 'm' })).rejects.toMatchObject({ status: 400 });
    expect(mailServer.mails).toEqual([]);
  });

  it('names, subjects and values with line breaks make no header and no second recipient', async () => {
    await addGateway();
    const displayName = 'Eve\r\nBcc: b@example.org\r\n\r\n<script>';
    const { id } = await send({ template: 'registration_received', to: 'o\'neil+tag@example.org', variables: { displayName } });
    expect(await after(id)).toMatchObject({ status: 'sent' });
    expect(mailServer.mails.map(({ to }) => to)).toEqual([['o\'neil+tag@example.org']]);
    const head = mailServer.mails[0]?.source.split('\r\n\r\n')[0] ?? '';
    expect(head).not.toMatch(/^bcc:/im);
    expect(head.match(/^to:/gim)).toHaveLength(1);
  });

  it('an instance name cannot end the sender early', async () => {
    await addGateway();
    const named = { ...server.context, instance: { ...server.context.instance, name: 'A" <evil@example.net>, "B\r\nBcc: c@example.org' } };
    expect(await sendMail(named, smtpSettings.parse(settings()), undefined, { to: 'a@example.org', subject: 'x\r\nBcc: c@example.org', text: 't', html: '', messageId: 'm' })).toMatchObject({ result: 'sent' });
    expect(mailServer.mails[0]).toMatchObject({ from: 'postern@example.com', to: ['a@example.org'] });
    expect(mailServer.mails[0]?.source).not.toMatch(/^bcc:/im);
  });
});

describe('attack: fed.secret-follows-host', () => {
  let listener: Listener;
  beforeAll(async () => { listener = await listen(); });
  afterAll(() => listener.close());

  it.each([['host', { host: '127.0.0.1' }], ['port', { port: 1 }], ['security', { security: 'tls' }], ['certificateAuthority', { certificateAuthority: selfSignedCertificate().cert }]])('a mail server with another %s needs the password again, and the test sends it nowhere', async (name, change) => {
    const gateway = await addGateway({ security: 'starttls', username: 'postern', certificateAuthority: certificate.cert }, { secret: 'mail-password' });
    const patched = await server.api('PATCH', `/notification-gateways/${gateway.id}`, { settings: change });
    expect(patched).toMatchObject({ status: 400, body: { code: 'Params.Illegal', errors: [{ field: 'secret', detail: expect.stringContaining(`settings.${name}`) }] } });
    expect((await server.api('PATCH', `/notification-gateways/${gateway.id}`, { settings: change, secret: 'mail-password' })).status).toBe(200);
  });

  it.each([
    ['aliyun', { endpoint: 'x', accessKeyId: 'LTAI', signName: 'Postern', templates: {} }, 'endpoint'], ['tencent', { endpoint: 'x', secretId: 'AKID', sdkAppId: '1400', templates: {} }, 'endpoint'],
    ['twilio', { endpoint: 'x', accountSid: 'AC1', from: '+15005550006' }, 'endpoint'], ['http', { url: 'x', body: { to: '{{to}}', key: '{{secret}}' } }, 'url'],
  ])('so does %s; the listener sees no connection', async (kind, template, place) => {
    const created = await server.api('POST', '/notification-gateways', { name: kind, kind, settings: { ...template, [place]: 'https://sms.example.com/' }, secret: 'sms-secret' });
    const gateway = created.body as View;
    expect(created).toMatchObject({ status: 201, body: { hasSecret: true } });
    expect(await server.api('PATCH', `/notification-gateways/${gateway.id}`, { settings: { [place]: listener.url } })).toMatchObject({ status: 400, body: { errors: [{ field: 'secret' }] } });
    expect(listener.connections()).toBe(0);
    for (const answer of [created, await server.api('GET', `/notification-gateways/${gateway.id}`), await server.api('GET', '/notification-gateways')]) expect(JSON.stringify(answer.body)).not.toContain('sms-secret');
    expect(JSON.stringify((await server.core.database.event.findMany({})).map(({ before, after: state }) => [before, state]))).not.toMatch(/sms-secret|mail-password/);
  });
});
