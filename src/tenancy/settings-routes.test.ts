import { crc32 } from 'node:zlib';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ApiServer, startApiServer } from '../../test/support/api-server.ts';

let server: ApiServer;
beforeAll(async () => { server = await startApiServer(); });
afterAll(() => server.close());

const settings = '/t/default/api/v1/settings';
const branding = '/t/default/api/v1/branding';
const image = (format: 'png' | 'jpeg' | 'webp', width = 800, height = 600) => sharp({ create: { width, height, channels: 3, background: '#0b5fff' } })[format]().toBuffer();
const upload = async (body: Buffer, type: string) => server.send('PUT', `${branding}/logo`, { headers: { authorization: `Bearer ${await server.token()}`, 'content-type': type }, body });

describe('settings', () => {
  it('changes what is named and keeps the rest', async () => {
    const before = await server.api('GET', settings);
    const after = await server.api('PATCH', settings, { password: { minimumLength: 14 } }, { 'if-match': before.headers.etag ?? '' });
    expect(after.status).toBe(200);
    expect(after.json).toMatchObject({ password: { minimumLength: 14, minimumStrength: 2 }, defaultLocale: 'en' });
    expect((await server.api('PATCH', settings, { password: { minimumStrength: 3 } })).json).toMatchObject({ password: { minimumLength: 14, minimumStrength: 3 } });
    expect((await server.api('GET', settings)).json).toMatchObject({ password: { minimumLength: 14, minimumStrength: 3 } });
    const row = await server.core.database.instance.findUniqueOrThrow({ where: { id: 'default' } });
    expect(row.settings).toEqual({ password: { minimumLength: 14, minimumStrength: 3 } });
  });

  it('refuses a change meant for an older version (412)', async () => {
    const { headers } = await server.api('GET', settings);
    await server.api('PATCH', settings, { defaultLocale: 'zh-CN' });
    expect((await server.api('PATCH', settings, { defaultLocale: 'en' }, { 'if-match': headers.etag ?? '' })).status).toBe(412);
    expect((await server.api('GET', settings)).json['defaultLocale']).toBe('zh-CN');
  });

  it.each([
    [{ unknown: 1 }], [{ session: { unknown: 1 } }], [{ tokens: { accessTokenSeconds: 86_401 } }], [{ password: { minimumLength: '12' } }],
    [{ password: null }], [[]], ['text'], [{ acrNames: { x: 'javascript:alert(1)' } }], [{ password: { breachedListUrl: 'http://plain.example' } }],
  ])('refuses %j', async (body) => {
    const answer = await server.api('PATCH', settings, body);
    expect([answer.status, answer.json['code']]).toEqual([400, 'Params.Illegal']);
  });

  it('writes before and after to the log', async () => {
    await server.api('PATCH', settings, { keys: { rotationDays: 30 } });
    const event = await server.core.database.event.findFirst({ where: { instanceId: 'default', type: 'settings.changed' }, orderBy: { sequence: 'desc' } });
    expect(event).toMatchObject({ actor: { kind: 'application', id: server.applicationId }, before: { keys: null }, after: { keys: { rotationDays: 30 } } });
  });

  it('reads what a newer version stored beside its own', async () => {
    await server.core.database.instance.update({ where: { id: 'default' }, data: { settings: { fromTheFuture: true, password: { alsoNew: 1, minimumLength: 9 } } } });
    expect((await server.api('GET', settings)).json).toMatchObject({ password: { minimumLength: 9 } });
  });
});

describe('branding', () => {
  it('takes typed values', async () => {
    const answer = await server.api('PATCH', branding, { primaryColour: '#123abc', displayName: 'Acme 公司', supportLink: 'https://acme.example/help' });
    expect(answer.json).toMatchObject({ primaryColour: '#123abc', displayName: 'Acme 公司', font: 'system' });
  });

  it.each([
    [{ primaryColour: 'red; background: url(https://evil.example)' }], [{ primaryColour: '#fff' }], [{ font: 'Comic Sans' }],
    [{ displayName: '<script>alert(1)</script>' }], [{ displayName: 'a\u202Egnp' }], [{ welcomeText: 'line\nline' }], [{ welcomeText: '</title>' }],
    [{ supportLink: 'javascript:alert(1)' }], [{ termsLink: 'data:text/html,x' }], [{ privacyLink: 'http://acme.example' }], [{ supportLink: 'https://' }],
    [{ logoHash: '0'.repeat(64) }], [{ css: 'body{}' }],
  ])('attack: tenant.active-branding: refuses %j', async (body) => {
    expect((await server.api('PATCH', branding, body)).status).toBe(400);
  });
});

describe('the logo', () => {
  it.each(['png', 'jpeg', 'webp'] as const)('is taken as %s, made small, and served as a PNG that can do nothing', async (format) => {
    const answer = await upload(await image(format), `image/${format}`);
    expect(answer.status).toBe(200);
    const address = `/t/default/assets/images/${String(answer.json['logoHash'])}.png`;
    const served = await server.send('GET', address);
    expect(served.headers).toMatchObject({
      'content-type': 'image/png', 'x-content-type-options': 'nosniff', 'content-security-policy': "default-src 'none'; sandbox",
      'cache-control': 'public, max-age=31536000, immutable',
    });
    const content = await server.core.database.instanceImage.findFirstOrThrow({ where: { instanceId: 'default' } });
    expect(await sharp(content.content).metadata()).toMatchObject({ format: 'png', width: 341, height: 256 });
  });

  it('keeps nothing of the upload but its pixels', async () => {
    const marked = await sharp(await image('png')).withExif({ IFD0: { Copyright: '<script>marker()</script>' } }).png().toBuffer();
    const answer = await upload(withTextChunk(marked, '<script>marker()</script>'), 'image/png');
    expect(answer.status).toBe(200);
    const { content } = await server.core.database.instanceImage.findFirstOrThrow({ where: { instanceId: 'default' } });
    expect(Buffer.from(content).includes('marker')).toBe(false);
  });

  it('goes away with its address', async () => {
    const { json } = await upload(await image('png'), 'image/png');
    expect((await server.api('DELETE', `${branding}/logo`)).json['logoHash']).toBeNull();
    expect((await server.send('GET', `/t/default/assets/images/${String(json['logoHash'])}.png`)).status).toBe(404);
  });

  const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><script>alert(1)</script></svg>');
  it.each<[string, () => Promise<Buffer> | Buffer, string, number[]]>([
    ['SVG', () => svg, 'image/svg+xml', [415]],
    ['SVG as PNG', () => svg, 'image/png', [415]],
    ['HTML as PNG', () => Buffer.from('<!doctype html><script>alert(1)</script>'), 'image/png', [415]],
    ['HTML', () => Buffer.from('<p>'), 'text/html', [415]],
    ['GIF', () => Buffer.from('GIF89a/*<svg/onload=alert(1)>*/=1;'), 'image/gif', [415]],
    ['PNG as JPEG', () => image('png'), 'image/jpeg', [415]],
    ['PNG with a page behind its end', async () => Buffer.concat([await image('png'), svg]), 'image/png', [415]],
    ['JPEG with a page behind its end', async () => Buffer.concat([await image('jpeg'), svg]), 'image/jpeg', [415]],
    ['WebP with a page behind its end', async () => Buffer.concat([await image('webp'), svg]), 'image/webp', [415]],
    ['a media type with a parameter', () => image('png'), 'image/png; charset=utf-7', [415]],
    ['a PNG cut short', async () => (await image('png')).subarray(0, 200), 'image/png', [400, 415]],
    ['a PNG that says it is 50,000 x 50,000', async () => withSize(await image('png', 8, 8), 50_000), 'image/png', [400]],
    ['more than 512 KB', () => Buffer.alloc(600_000), 'image/png', [413]],
    ['nothing', () => Buffer.alloc(0), 'image/png', [400, 415]],
  ])('attack: tenant.active-branding: refuses %s', async (_name, body, type, statuses) => {
    expect(statuses).toContain((await upload(await body(), type)).status);
  });
});

function withTextChunk(png: Buffer, text: string): Buffer {
  const data = Buffer.from(`tEXtComment\0${text}`);
  const chunk = Buffer.alloc(8 + data.length);
  chunk.writeUInt32BE(data.length - 4, 0);
  data.copy(chunk, 4);
  chunk.writeUInt32BE(crc32(data), 4 + data.length);
  return Buffer.concat([png.subarray(0, 33), chunk, png.subarray(33)]);
}

function withSize(png: Buffer, size: number): Buffer {
  const changed = Buffer.from(png);
  changed.writeUInt32BE(size, 16);
  changed.writeUInt32BE(size, 20);
  changed.writeUInt32BE(crc32(changed.subarray(12, 29)), 29);
  return changed;
}
