import { createHash, createHmac } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startFeatures, type FeatureServer } from '../../test/support/feature-server.ts';
import { deliver, giveUp } from './deliver.ts';
import { notifications } from './routes.ts';
import { sendNotification } from './send.ts';
import { signAliyun } from './sms/aliyun.ts';
import { signTencent } from './sms/tencent.ts';

interface Seen { method: string; url: URL; headers: IncomingHttpHeaders; body: string }
interface Answer { status?: number; body: unknown }

/** A stand-in: answers in the vendor's wire shapes, and checks the signature as the vendor says it does. */
let answer: (seen: Seen) => Answer;
let seen: Seen[] = [];
let standIn: Server;
let origin: string;
let server: FeatureServer;
beforeAll(async () => {
  server = await startFeatures(notifications, { OUTBOUND_ALLOW: '127.0.0.1' });
  await server.core.jobs.start();
 
  standIn = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const got = { method: request.method ?? '', url: new URL(request.url ?? '', origin), headers: request.headers, body: Buffer.concat(chunks).toString('utf8') };
      seen.push(got);
      const { status = 200, body } = answer(got);
      response.writeHead(status, { 'content-type': 'application/json' }).end(typeof body === 'string' ? body : JSON.stringify(body));
    });
  });
  await new Promise<void>((resolve) => { standIn.listen(0, '127.0.0.1', resolve); });
  origin = `http://127.0.0.1:${(standIn.address() as AddressInfo).port}`;
});
afterAll(async () => {
  standIn.closeAllConnections();
  standIn.close();
  await server.core.jobs.stop(0);
  await server.close();
});

const hex = (text: string) => createHash('sha256').update(text).digest('hex');
const hmac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text).digest();
const secret = 'YourAccessKeySecret';

/** Recomputed from the request as it came in, not by our own function. */
function aliyunSignatureIsRight({ method, url, headers, body }: Seen): boolean {
  const [, names = '', signature] = /SignedHeaders=([^,]+),Signature=([0-9a-f]{64})$/.exec(headers.authorization ?? '') ?? [];
  const query = [...url.searchParams].map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value).replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`)}`).sort().join('&');
  const canonical = `${method}\n${url.pathname}\n${query}\n${names.split(';').map((name) => `${name}:${String(headers[name])}\n`).join('')}\n${names}\n${hex(body)}`;
  return signature === hmac(secret, `ACS3-HMAC-SHA256\n${hex(canonical)}`).toString('hex');
}
function tencentSignatureIsRight({ headers, body }: Seen): boolean {
  const [, date = '', signature] = /Credential=AKID\/(\d{4}-\d\d-\d\d)\/sms\/tc3_request, SignedHeaders=content-type;host, Signature=([0-9a-f]{64})$/.exec(headers.authorization ?? '') ?? [];
  const canonical = `POST\n/\n\ncontent-type:${headers['content-type']}\nhost:${headers.host}\n\ncontent-type;host\n${hex(body)}`;
  const key = hmac(hmac(hmac(`TC3${secret}`, date), 'sms'), 'tc3_request');
  return signature === hmac(key, `TC3-HMAC-SHA256\n${String(headers['x-tc-timestamp'])}\n${date}/sms/tc3_request\n${hex(canonical)}`).toString('hex');
}

const ali = (Code: string) => ({ body: { RequestId: 'F655A8D5', BizId: '900619746936498440^0', Code, Message: 'said by the service' } });
const tencent = (Code: string) => ({ body: { Response: { SendStatusSet: [{ SerialNo: '5000:1045710669157053657849499619', PhoneNumber: '+8613711112222', Fee: 1, SessionContext: '', Code, Message: 'said by the service', IsoCode: 'CN' }], RequestId: 'a0aabda6' } } });
const tencentError = (Code: string) => ({ body: { Response: { Error: { Code, Message: 'said by the service' }, RequestId: 'a0aabda6' } } });
const twilio = (status: number, code: number) => ({ status, body: { code, message: 'said by the service', more_info: `https://www.twilio.com/docs/errors/${code}`, status } });

interface Case {
  kind: string;
  settings: () => object;
  fine: Answer;
  vendorId: string;
  isRight: (got: Seen) => boolean;
  refusals: [name: string, answer: Answer, result: string, code: string][];
}
const cases: Case[] = [
  {
    kind: 'aliyun', settings: () => ({ endpoint: origin, accessKeyId: 'LTAI', signName: '阿里云 *~', templates: { sign_in_code: { id: 'SMS_154950909', parameters: { code: 'code' } } } }), fine: ali('OK'), vendorId: '900619746936498440^0',
    isRight: (got) => aliyunSignatureIsRight(got) && got.headers['x-acs-action'] === 'SendSms' && got.url.searchParams.get('PhoneNumbers') === '+8613711112222' && got.url.searchParams.get('TemplateParam') === '{"code":"492039"}' && got.url.searchParams.get('SignName') === '阿里云 *~',
    refusals: [
      ['limit of the number, HTTP 200', ali('isv.BUSINESS_LIMIT_CONTROL'), 'throttled', 'isv.BUSINESS_LIMIT_CONTROL'], ['no such number, HTTP 200', ali('isv.MOBILE_NUMBER_ILLEGAL'), 'invalid_recipient', 'isv.MOBILE_NUMBER_ILLEGAL'],
      ['no money, HTTP 200', ali('isv.AMOUNT_NOT_ENOUGH'), 'configuration', 'isv.AMOUNT_NOT_ENOUGH'], ['wrong signature, HTTP 400', { status: 400, body: { RequestId: 'x', HostId: 'dysmsapi.aliyuncs.com', Code: 'SignatureDoesNotMatch', Message: 'm', Recommend: 'https://…' } }, 'configuration', 'SignatureDoesNotMatch'],
      ['ok in small letters is not OK', ali('Ok'), 'configuration', 'Ok'], ['their fault', ali('isp.SYSTEM_ERROR'), 'temporary', 'isp.SYSTEM_ERROR'],
    ],
  },
  {
    kind: 'tencent', settings: () => ({ endpoint: origin, secretId: 'AKID', sdkAppId: '1400006666', signName: '腾讯云', templates: { 'sign_in_code': { id: '1', parameters: [] }, 'sign_in_code.zh-CN': { id: '1110', parameters: ['code', 'minutes'] } } }), fine: tencent('Ok'), vendorId: '5000:1045710669157053657849499619',
    isRight: (got) => {
      const body = JSON.parse(got.body) as Record<string, unknown>;
      return tencentSignatureIsRight(got) && body['TemplateId'] === '1110' && JSON.stringify(body['TemplateParamSet']) === '["492039","10"]' && JSON.stringify(body['PhoneNumberSet']) === '["+8613711112222"]';
    },
    refusals: [
      ['limit of the number inside a taken request, HTTP 200', tencent('LimitExceeded.PhoneNumberThirtySecondLimit'), 'throttled', 'LimitExceeded.PhoneNumberThirtySecondLimit'], ['wrong number, HTTP 200', tencent('InvalidParameterValue.IncorrectPhoneNumber'), 'invalid_recipient', 'InvalidParameterValue.IncorrectPhoneNumber'],
      ['wrong signature, HTTP 200', tencentError('AuthFailure.SignatureFailure'), 'configuration', 'AuthFailure.SignatureFailure'], ['their fault, HTTP 200', tencentError('InternalError.Timeout'), 'temporary', 'InternalError.Timeout'], ['too many requests', tencentError('RequestLimitExceeded'), 'throttled', 'RequestLimitExceeded'],
      ['no answer in it', { body: {} }, 'temporary', 'http_200'],
    ],
  },
  {
    kind: 'twilio', settings: () => ({ endpoint: origin, accountSid: 'AC123', from: '+15005550006' }), fine: { status: 201, body: { sid: 'SM1', status: 'queued', error_code: null, error_message: null, price: null } }, vendorId: 'SM1',
    isRight: (got) => got.url.pathname === '/2010-04-01/Accounts/AC123/Messages.json' && got.headers.authorization === `Basic ${Buffer.from(`AC123:${secret}`).toString('base64')}` && new URLSearchParams(got.body).get('To') === '+8613711112222' && (new URLSearchParams(got.body).get('Body') ?? '').includes('492039'),
    refusals: [
      ['wrong number', twilio(400, 21211), 'invalid_recipient', '21211'], ['wrong token', twilio(401, 20003), 'configuration', '20003'], ['too many', twilio(429, 20429), 'throttled', '20429'], ['their fault', { status: 503, body: 'busy' }, 'temporary', 'http_503'], ['XML instead of JSON', { status: 201, body: '<xml/>' }, 'temporary', 'http_201'],
    ],
  },
  {
    kind: 'http', settings: () => ({ url: `${origin}/send`, headers: { authorization: 'Bearer {{secret}}' }, body: { mobile: '{{to}}', content: '{{text}}', otp: '{{code}}', id: '{{messageId}}' }, numberFormat: 'national', success: { path: 'result.code', equals: '000000' }, messageIdPath: 'result.id', retryCodes: ['E9'] }),
    fine: { body: { result: { code: '000000', id: 'h-1' } } }, vendorId: 'h-1',
    isRight: (got) => {
      const [, time = '', signature] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(got.headers['x-postern-signature'])) ?? [];
      const body = JSON.parse(got.body) as Record<string, string>;
      return signature === hmac(secret, `${time}.${got.body}`).toString('hex') && body['mobile'] === '13711112222' && body['otp'] === '492039' && got.headers['idempotency-key'] === body['id'] && got.headers.authorization === `Bearer ${secret}`;
    },
    refusals: [
      ['refused in an HTTP 200', { body: { result: { code: 'E1' } } }, 'configuration', 'E1'], ['a code to try again after', { body: { result: { code: 'E9' } } }, 'temporary', 'E9'], ['too many', { status: 429, body: {} }, 'throttled', 'http_429'], ['nothing of the kind', { body: 'fine' }, 'configuration', 'http_200'], ['their fault', { status: 500, body: '' }, 'temporary', 'http_500'],
    ],
  },
];

interface View { id: string; status: string; result: string; code: string | null; items: { prefix: string; messages: number; failures: number; costMicros: number; gatewayId: string }[] }

describe.each(cases)('text messages by $kind', ({ kind, settings, fine, vendorId, isRight, refusals }) => {
  let gatewayId: string;
  beforeAll(async () => {
    await server.core.database.notificationGateway.deleteMany({});
    await server.core.database.notificationMessage.deleteMany({});
    const created = await server.api('POST', '/notification-gateways', { name: kind, kind, settings: settings(), secret, prefixes: ['+86'], costMicros: 45_000, currency: 'CNY' });
    expect(created).toMatchObject({ status: 201 });
    gatewayId = (created.body as View).id;
  });

  async function send(given: Answer, to = '+8613711112222'): Promise<View> {
    seen = [];
    answer = () => given;
    const { id } = await server.context.transaction((tx) => sendNotification(tx, { template: 'sign_in_code', channel: 'sms', to, locale: 'zh-CN', variables: { code: '492039', minutes: '10' } }));
    await deliver(server.core, 'default', id).catch(() => undefined);
    await expect.poll(async () => await server.core.database.notificationMessage.count({ where: { id, OR: [{ status: { not: 'queued' } }, { errorCode: { not: null } }] } }), { timeout: 10_000 }).toBe(1);
    return (await server.api('GET', `/notifications/${id}`)).body as View;
  }

  it('sends what the vendor expects, signed as it checks, and counts the cost by country', async () => {
    expect(await send(fine)).toMatchObject({ status: 'sent', vendorId, gatewayId, recipient: '+86 13…22' });
    expect(seen).toHaveLength(1);
    expect(seen.every(isRight)).toBe(true);
    const { items } = (await server.api('GET', '/notification-costs')).body as View;
    expect(items.find((item) => item.gatewayId === gatewayId)).toMatchObject({ prefix: '+86', currency: 'CNY', messages: 1, failures: 0, costMicros: 45_000 });
  });

  it('is not asked for numbers of other countries', async () => {
    expect(await send(fine, '+4915112345678')).toMatchObject({ status: 'outbox' });
    expect(seen).toEqual([]);
  });

  it.each(refusals)('%s', async (_name, given, result, code) => {
    answer = () => given;
    // Tests have a limit of their own; it is not what is looked at here.
    const limiter = server.core.rateLimiter;
    const { testGateway } = await import('./test-gateway.ts');
    const unlimited = { ...server.context, core: { ...server.core, rateLimiter: { take: () => ({ allowed: true, limit: 1, remaining: 1, retryAfterSeconds: 0, resetSeconds: 0, windowSeconds: 0 }) } } };
    expect(await testGateway(unlimited, gatewayId, '+8613711112222')).toMatchObject({ result, code });
    expect(limiter).toBe(server.core.rateLimiter);
  });

  it('a message that stays refused fails in the end, with the vendor\'s code and without its own', async () => {
    const [, given = fine] = refusals.find(([, , result]) => result === 'temporary') ?? [];
    const waiting = await send(given);
    expect(waiting).toMatchObject({ status: 'queued' });
    await giveUp(server.core, 'default', waiting.id);
    const row = await server.core.database.notificationMessage.findFirst({ where: { id: waiting.id } });
    expect(row).toMatchObject({ status: 'failed', sealedContent: null });
    expect(JSON.stringify(row)).not.toContain('492039');
  });
});

describe('limits of numbers', () => {
  it('attack: limit.anonymous-state: many codes for one number, by several templates, end in 429; rows go after a day', async () => {
    await server.core.database.notificationMessage.deleteMany({});
    const outcomes: string[] = [];
    for (let count = 0; count < 100; count += 1) {
      const template = (['sign_in_code', 'registration_code', 'verify_address'] as const)[count % 3] ?? 'sign_in_code';
      outcomes.push(await server.context.transaction((tx) => sendNotification(tx, { template, channel: 'sms', to: '+8613800000001', variables: { code: '1', minutes: '1' } })).then(() => 'sent', (error: Error & { status?: number }) => String(error.status ?? error.message)));
    }
    expect(outcomes.filter((outcome) => outcome === 'sent')).toHaveLength(10);
    expect(new Set(outcomes.slice(10))).toEqual(new Set(['429']));
    expect(await server.core.database.notificationMessage.count({})).toBe(10);
    const { purgeInstance } = await import('./purge.ts');
    await server.core.database.notificationMessage.updateMany({ data: { createdAt: new Date(Date.now() - 31 * 86_400_000) } });
    await purgeInstance(server.context);
    expect(await server.core.database.notificationMessage.count({})).toBe(0);
  });

  it('a country has its own limit, and an instance can name the countries that it writes to', async () => {
    const limited = { ...server.context, instance: { ...server.context.instance, settings: { ...server.context.instance.settings, notifications: { ...server.context.instance.settings.notifications, messagesPerPrefixPerHour: 2, allowedPrefixes: ['+44', '+86138'] } } } };
    const to = (number: string) => sendNotification(limited, { template: 'test', channel: 'sms', to: number, variables: {} });
    await to('+447700900001');
    await to('+447700900002');
    await expect(to('+447700900003')).rejects.toMatchObject({ status: 429 });
    await expect(to('+4915112345678')).rejects.toMatchObject({ status: 400, errors: [{ code: 'not_allowed' }] });
    await to('+8613812345678');
  });
});

describe('signatures', () => {
  it('ACS3-HMAC-SHA256: the published example', () => {
    const { headers } = signAliyun({ url: new URL('https://ecs.cn-shanghai.aliyuncs.com/'), query: { ImageId: 'win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd', RegionId: 'cn-shanghai' }, accessKeyId: 'YourAccessKeyId', secret: 'YourAccessKeySecret', action: 'RunInstances', version: '2014-05-26', now: new Date('2023-10-26T10:22:32Z'), nonce: '3156853299f313e23d1673dc12e1703d' });
    expect(headers['authorization']).toContain('Signature=06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0');
  });

  it('TC3-HMAC-SHA256: the published example', () => {
    const body = '{"Limit": 1, "Filters": [{"Values": ["\\u672a\\u547d\\u540d"], "Name": "instance-name"}]}';
    expect(signTencent({ host: 'cvm.tencentcloudapi.com', service: 'cvm', body, timestamp: 1_551_113_065, secretId: 'AKID', secret: 'Gu5t9xGARNpq86cd98joQYCN3EXAMPLE' }).signature).toBe('72e494ea809ad7a8c8f7a4507b9bddcbaa8e581f516e8da2f66e2c5a96525168');
  });
});
