import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { IncomingMessage, RequestListener, Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { setDefaultCACertificates, getCACertificates } from 'node:tls';
import { createBrotliCompress, createGzip, deflateSync, gzipSync } from 'node:zlib';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { createOutbound, OutboundBlocked, OutboundFailed } from './outbound.ts';
import type { OutboundFailure } from './outbound.ts';

interface Listener { port: number; url: string; connections(): number; requests: IncomingMessage[] }
const servers: Server[] = [];

async function listen(server: Server, scheme = 'http'): Promise<Listener> {
  servers.push(server);
  let connections = 0;
  const requests: IncomingMessage[] = [];
  server.on('connection', () => { connections += 1; });
  server.on('request', (request: IncomingMessage) => { requests.push(request); });
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  const { port } = server.address() as AddressInfo;
  return { port, url: `${scheme}://127.0.0.1:${port}`, connections: () => connections, requests };
}
const answering = (listener: RequestListener) => listen(createServer(listener));
const ok: RequestListener = (_request, response) => { response.end('{"fine":true}'); };

afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

async function failure(call: Promise<unknown>): Promise<OutboundFailure> {
  const error: unknown = await call.then(() => undefined, (reason: unknown) => reason);
  if (!(error instanceof OutboundFailed)) throw new Error(`expected OutboundFailed, got ${String(error)}`);
  return error.failure;
}

describe('out.addresses: private targets get no packet', () => {
  const resolve = (host: string) => Promise.resolve({
    'private.example': [{ address: '127.0.0.1', family: 4 }],
    'mixed.example': [{ address: '8.8.8.8', family: 4 }, { address: '127.0.0.1', family: 4 }],
    'mixed6.example': [{ address: '8.8.8.8', family: 4 }, { address: '::1', family: 6 }],
    'mapped.example': [{ address: '::ffff:127.0.0.1', family: 6 }],
    'compatible.example': [{ address: '::8.8.8.8', family: 6 }],
    'zone.example': [{ address: 'fe80::1%lo', family: 6 }],
    'nonsense.example': [{ address: 'private.example', family: 4 }],
    'localhost': [{ address: '8.8.8.8', family: 4 }],
  }[host] ?? []);

  it.each([
    'http://127.0.0.1:PORT/', 'http://127.1:PORT/', 'http://2130706433:PORT/', 'http://0x7f000001:PORT/', 'http://017700000001:PORT/',
    'http://0177.0.0.1:PORT/', 'http://0x7f.1:PORT/', 'http://127.0.0.1.:PORT/', 'http://①②⑦.⓪.⓪.①:PORT/', 'http://127。0。0。1:PORT/',
    'http://%31%32%37.0.0.1:PORT/', 'http://0:PORT/', 'http://0.0.0.0:PORT/', 'http://127.8.9.10:PORT/', 'http:\\\\127.0.0.1:PORT\\',
    'http://[::1]:PORT/', 'http://[::]:PORT/', 'http://[::ffff:127.0.0.1]:PORT/', 'http://[::ffff:7f00:1]:PORT/', 'http://[0:0:0:0:0:ffff:7f00:1]:PORT/',
    'http://[::127.0.0.1]:PORT/', 'http://[64:ff9b::7f00:1]:PORT/', 'http://[64:ff9b:1::7f00:1]:PORT/', 'http://[2002:7f00:1::]:PORT/',
    'http://[2001:0:7f00:1::]:PORT/', 'http://[fe80::1]:PORT/', 'http://[fc00::1]:PORT/', 'http://[ff02::1]:PORT/',
    'http://localhost:PORT/', 'http://localhost.:PORT/', 'http://LOCALHOST:PORT/', 'http://a.localhost:PORT/', 'http://ⓛocalhost:PORT/',
    'http://169.254.169.254/latest/meta-data/', 'http://[fd00:ec2::254]/', 'http://100.100.100.200/',
    'http://private.example:PORT/', 'http://private.example.:PORT/', 'http://mixed.example:PORT/', 'http://mixed6.example:PORT/',
    'http://mapped.example:PORT/', 'http://compatible.example:PORT/', 'http://zone.example:PORT/', 'http://nonsense.example:PORT/',
    'http://user:marker-pass@8.8.8.8:PORT/', 'http://marker-user@8.8.8.8/', 'ftp://8.8.8.8/', 'file:///etc/passwd', 'data:text/plain,x',
    'javascript:1', 'gopher://8.8.8.8/', '//8.8.8.8/', '/relative', '', 'http://', 'http://[fe80::1%25lo]:PORT/',
  ])('%s', async (target) => {
    const listener = await answering(ok);
    const outbound = createOutbound({ allow: [], resolve });
    const url = target.replace('PORT', String(listener.port));
    for (const call of [outbound.fetch(url), outbound.asFetch()(url)]) {
      const error: unknown = await call.catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(OutboundBlocked);
      expect(error).toMatchObject({ status: 400, code: 'Outbound.Address.Blocked' });
      expect(String(error)).not.toContain('marker');
    }
    expect(listener.connections()).toBe(0);
  });

  it.each(['127.0.0.1', '0x7f.1', '::1', '[::ffff:10.0.0.1]', 'localhost', 'private.example', 'mixed.example', 'ldap://x', 'host:389', '', 'a@8.8.8.8'])(
    'address check for other protocols refuses %j', async (host) => {
      await expect(createOutbound({ allow: [], resolve }).checkAddress(host)).rejects.toBeInstanceOf(OutboundBlocked);
    });

  it('address check gives the numbers to connect to', async () => {
    const outbound = createOutbound({ allow: ['ldap.internal:636'], resolve: (host) => Promise.resolve(
      host === 'ldap.internal' ? [{ address: '::ffff:10.0.0.7', family: 6 }] : [{ address: '8.8.8.8', family: 4 }, { address: '2606:4700::1111', family: 6 }]) });
    expect(await outbound.checkAddress('Mail.Example.')).toEqual([{ address: '8.8.8.8', family: 4 }, { address: '2606:4700::1111', family: 6 }]);
    expect(await outbound.checkAddress('ldap.internal', 636)).toEqual([{ address: '10.0.0.7', family: 4 }]);
    await expect(outbound.checkAddress('ldap.internal', 389)).rejects.toBeInstanceOf(OutboundBlocked);
    await expect(outbound.checkAddress('ldap.internal')).rejects.toBeInstanceOf(OutboundBlocked);
  });

  it('resolves once and connects to what was checked, though the name answers differently by then', async () => {
    const [meant, inward] = [await answering(ok), await answering(ok)];
    const answers = ['127.0.0.1', '127.0.0.2', '127.0.0.3'];
    let asked = 0;
    const outbound = createOutbound({
      allow: [`127.0.0.1:${meant.port}`],
      resolve: () => Promise.resolve([{ address: answers[asked++] ?? '', family: 4 }]),
    });
    const answer = await outbound.fetch(`http://rebinding.example:${meant.port}/`);
    expect(answer.json()).toEqual({ fine: true });
    expect(asked).toBe(1);
    expect(meant.requests[0]?.headers.host).toBe(`rebinding.example:${meant.port}`);
    expect(meant.requests[0]?.socket.localAddress).toBe('127.0.0.1');
    // The next call checks again and meets the other answer.
    await expect(outbound.fetch(`http://rebinding.example:${meant.port}/`)).rejects.toBeInstanceOf(OutboundBlocked);
    expect([meant.connections(), inward.connections()]).toEqual([1, 0]);
  });

  it('uses no proxy from the environment', async () => {
    const [proxy, target] = [await answering(ok), await answering(ok)];
    const names = ['HTTP_PROXY', 'http_proxy', 'ALL_PROXY', 'NODE_USE_ENV_PROXY'];
    for (const name of names) process.env[name] = name.startsWith('NODE') ? '1' : proxy.url;
    try {
      await createOutbound({ allow: ['127.0.0.1'] }).fetch(target.url);
    } finally {
      for (const name of names) Reflect.deleteProperty(process.env, name);
    }
    expect([proxy.connections(), target.connections()]).toEqual([0, 1]);
  });
});

describe('out.addresses: redirects', () => {
  const redirectTo = (location: string, status = 302): RequestListener => (_request, response) => {
    response.writeHead(status, { location }).end('moved');
  };

  it('are returned, not followed, unless asked for', async () => {
    const inner = await answering(ok);
    const outer = await answering(redirectTo(inner.url));
    const answer = await createOutbound({ allow: ['127.0.0.1'] }).fetch(outer.url);
    expect([answer.status, answer.headers.get('location')]).toEqual([302, inner.url]);
    expect(inner.connections()).toBe(0);
  });

  it.each(['http://127.0.0.1:PORT/', 'http://0x7f.1:PORT/', '//localhost:PORT/', 'http://[::ffff:7f00:1]:PORT/', 'file:///etc/passwd', 'http://u:p@8.8.8.8/'])(
    'inward to %s: blocked, nothing sent', async (location) => {
      const inner = await answering(ok);
      const outer = await answering(redirectTo(location.replace('PORT', String(inner.port))));
      const outbound = createOutbound({ allow: [`127.0.0.1:${outer.port}`] });
      await expect(outbound.fetch(outer.url, { followRedirects: 5 })).rejects.toBeInstanceOf(OutboundBlocked);
      expect([outer.connections(), inner.connections()]).toEqual([1, 0]);
    });

  it('are followed as often as asked, with the credentials only at home', async () => {
    const far = await answering(ok);
    const near: Listener = await answering((request, response) => {
      response.writeHead(302, { location: request.url === '/' ? '/second' : `${far.url}/end` }).end();
    });
    const outbound = createOutbound({ allow: ['127.0.0.1'] });
    const headers = { Authorization: 'Bearer marker', 'X-Api-Key': 'marker', Accept: 'application/json' };
    const answer = await outbound.fetch(near.url, { followRedirects: 2, headers });
    expect([answer.status, answer.url]).toEqual([200, `${far.url}/end`]);
    expect(near.requests[1]?.headers).toMatchObject({ authorization: 'Bearer marker', 'x-api-key': 'marker' });
    expect(far.requests[0]?.headers.accept).toBe('application/json');
    expect(JSON.stringify(far.requests[0]?.headers)).not.toContain('marker');
    expect(await failure(outbound.fetch(near.url, { followRedirects: 1 }))).toBe('redirect');
  });

  it.each([
    [301, 'POST', 'GET', false], [302, 'POST', 'GET', false], [303, 'PUT', 'GET', false], [307, 'POST', 'POST', true], [308, 'PUT', 'PUT', true],
  ])('%i turns %s into %s (RFC 9110 §15.4)', async (status, method, then, keepsBody) => {
    const seen: [string | undefined, string][] = [];
    const listener: Listener = await answering((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => { body += chunk.toString(); }).on('end', () => {
        seen.push([request.method, body]);
        if (request.url === '/') response.writeHead(status, { location: '/next' });
        response.end();
      });
    });
    await createOutbound({ allow: ['127.0.0.1'] }).fetch(listener.url, { method, body: 'secret', followRedirects: 1 });
    expect(seen).toEqual([[method, 'secret'], [then, keepsBody ? 'secret' : '']]);
  });

  it('never carry a body to another origin', async () => {
    const far = await answering(ok);
    const near = await answering(redirectTo(far.url, 307));
    const outbound = createOutbound({ allow: ['127.0.0.1'] });
    expect(await failure(outbound.fetch(near.url, { method: 'POST', body: 'client_secret=x', followRedirects: 1 }))).toBe('redirect');
    expect(far.connections()).toBe(0);
  });
});

describe('out.addresses: TLS', () => {
  const file = (name: string) => readFileSync(join(import.meta.dirname, 'testdata', name), 'utf8');
  const certificate = file('provider.example.cert.pem');
  const defaults = getCACertificates('default');
  const listenTls = (listener: RequestListener) =>
    listen(createTlsServer({ key: file('provider.example.key.pem'), cert: certificate }, listener), 'https');
  const outbound = createOutbound({ allow: ['127.0.0.1'], resolve: () => Promise.resolve([{ address: '127.0.0.1', family: 4 }]) });
  afterAll(() => { setDefaultCACertificates(defaults); });

  it('verifies the name, not the pinned address, and refuses an unknown authority', async () => {
    const listener = await listenTls(ok);
    setDefaultCACertificates(defaults);
    expect(await failure(outbound.fetch(`https://provider.example:${listener.port}/`))).toBe('connection');
    setDefaultCACertificates([...defaults, certificate]);
    expect((await outbound.fetch(`https://provider.example:${listener.port}/`)).status).toBe(200);
    expect(await failure(outbound.fetch(`https://another.example:${listener.port}/`))).toBe('connection');
    expect(listener.requests).toHaveLength(1);
  });

  it('is not left by a redirect down to http', async () => {
    setDefaultCACertificates([...defaults, certificate]);
    const plain = await answering(ok);
    const listener = await listenTls((_request, response) => { response.writeHead(302, { location: plain.url }).end(); });
    expect(await failure(outbound.fetch(`https://provider.example:${listener.port}/`, { followRedirects: 3 }))).toBe('redirect');
    expect(plain.connections()).toBe(0);
  });
});

describe('out.addresses: size and time', () => {
  const outbound = createOutbound({ allow: ['127.0.0.1'] });
  const fully = 1024 * 1024;
  const forever = (response: Writable) => {
    const chunk = Buffer.alloc(64 * 1024);
    const more = () => { while (response.writable && response.write(chunk)); };
    response.on('drain', more).on('error', () => undefined);
    more();
  };

  it.each<[string, RequestListener]>([
    ['a byte more than a mebibyte', (_request, response) => { response.end(Buffer.alloc(fully + 1)); }],
    ['a small gzip of two mebibytes', (_request, response) => { response.setHeader('content-encoding', 'gzip').end(gzipSync(Buffer.alloc(2 * fully))); }],
    ['a small deflate of two mebibytes', (_request, response) => { response.setHeader('content-encoding', 'deflate').end(deflateSync(Buffer.alloc(2 * fully))); }],
    ['a gzip in a gzip', (_request, response) => { response.setHeader('content-encoding', 'gzip, gzip').end(gzipSync(gzipSync(Buffer.alloc(100 * fully)))); }],
    ['an endless answer', (_request, response) => { forever(response); }],
    ['an endless gzip', (_request, response) => { const gzip = createGzip(); gzip.pipe(response.setHeader('content-encoding', 'gzip')); forever(gzip); }],
    ['an endless brotli', (_request, response) => { const brotli = createBrotliCompress(); brotli.pipe(response.setHeader('content-encoding', 'br')); forever(brotli); }],
  ])('%s is cut', async (_name, listener) => {
    const { url } = await answering(listener);
    const before = process.memoryUsage().rss;
    expect(await failure(outbound.fetch(url))).toBe('too large');
    expect(process.memoryUsage().rss - before).toBeLessThan(200 * fully);
  });

  it('exactly the limit is read, compressed or not', async () => {
    const plain = await answering((_request, response) => { response.end(Buffer.alloc(fully)); });
    const gzip = await answering((_request, response) => { response.setHeader('content-encoding', 'gzip').end(gzipSync(Buffer.alloc(fully))); });
    expect((await outbound.fetch(plain.url)).body).toHaveLength(fully);
    expect((await outbound.fetch(gzip.url)).body).toHaveLength(fully);
    expect(await failure(outbound.fetch(plain.url, { maxBytes: 1000 }))).toBe('too large');
  });

  it.each<[string, RequestListener]>([
    ['an answer that never comes', () => undefined],
    ['headers drop by drop', (_request, response) => {
      const socket = response.socket;
      const timer = setInterval(() => { socket?.write('x: y\r\n'); }, 20);
      socket?.write('HTTP/1.1 200 OK\r\n');
      socket?.on('close', () => { clearInterval(timer); }).on('error', () => undefined);
    }],
    ['a body drop by drop', (_request, response) => {
      const timer = setInterval(() => { response.write('x'); }, 20);
      response.on('close', () => { clearInterval(timer); });
    }],
    ['redirects in a circle, slowly', (_request, response) => { setTimeout(() => { response.writeHead(302, { location: '/' }).end(); }, 50); }],
  ])('%s is cut', async (_name, listener) => {
    const { url } = await answering(listener);
    const start = performance.now();
    expect(await failure(outbound.fetch(url, { timeoutMs: 200, followRedirects: 1000 }))).toBe('timeout');
    expect(performance.now() - start).toBeLessThan(1500);
  });

  it('a resolver that never answers is cut', async () => {
    const deaf = createOutbound({ allow: [], resolve: () => new Promise(() => undefined) });
    expect(await failure(deaf.fetch('https://x.example/', { timeoutMs: 50 }))).toBe('timeout');
  });

  it.each<[string, OutboundFailure, () => Promise<string>]>([
    ['nobody listening', 'connection', async () => {
      const { url } = await answering(ok);
      await new Promise((resolve) => { servers.pop()?.close(resolve); });
      return url;
    }],
    ['an answer that is no HTTP', 'connection', async () => (await answering((_request, response) => { response.socket?.end('nonsense\r\n'); })).url],
    ['an answer cut short', 'connection', async () => (await answering((_request, response) => {
      response.setHeader('content-length', 100).write('x');
      setTimeout(() => { response.destroy(); }, 20);
    })).url],
    ['a broken gzip', 'connection', async () => (await answering((_request, response) => { response.setHeader('content-encoding', 'gzip').end('no gzip'); })).url],
  ])('%s is a failure, told without the path', async (_name, expected, target) => {
    const call = outbound.fetch(`${await target()}/hook/marker?token=marker`);
    expect(await failure(call)).toBe(expected);
    const error: unknown = await call.catch((reason: unknown) => reason);
    expect(`${String(error)} ${JSON.stringify(error)} ${String((error as Error).stack)}`).not.toContain('marker');
    expect((error as Error).cause).toBeUndefined();
  });

  it('a name without address, and one that cannot be resolved, are failures', async () => {
    const none = createOutbound({ allow: [], resolve: () => Promise.resolve([]) });
    const broken = createOutbound({ allow: [], resolve: () => Promise.reject(Object.assign(new Error('x'), { code: 'ENOTFOUND' })) });
    expect(await failure(none.fetch('https://x.example/'))).toBe('name');
    await expect(broken.fetch('https://x.example/')).rejects.toMatchObject({ code: 'Outbound.Name.Unresolved', logDetail: 'ENOTFOUND' });
  });

  it('an abort by the caller is told as his own', async () => {
    const { url } = await answering(() => undefined);
    await expect(outbound.fetch(url, { signal: AbortSignal.abort(new Error('mine')) })).rejects.toThrow('mine');
    const controller = new AbortController();
    setTimeout(() => { controller.abort(new Error('mine too')); }, 30);
    await expect(outbound.fetch(url, { signal: controller.signal })).rejects.toThrow('mine too');
  });
});

describe('outbound answers', () => {
  const outbound = createOutbound({ allow: ['127.0.0.1'] });

  it('carry status, headers, text and JSON; a bad JSON is told without its text', async () => {
    const { url, requests } = await answering((request, response) => {
      response.writeHead(201, { 'set-cookie': ['a=1', 'b=2'] }).end(request.url === '/json' ? '{"a":"ü"}' : 'marker');
    });
    const answer = await outbound.fetch(`${url}/json`, { method: 'post', headers: { 'User-Agent': 'x' }, body: Buffer.from('y') });
    expect([answer.status, answer.json(), answer.text(), answer.headers.getSetCookie()]).toEqual([201, { a: 'ü' }, '{"a":"ü"}', ['a=1', 'b=2']]);
    expect([requests[0]?.method, requests[0]?.headers['user-agent']]).toEqual(['POST', 'x']);
    const other = await outbound.fetch(url);
    expect(() => other.json()).toThrow(OutboundFailed);
    expect(() => other.json()).not.toThrow('marker');
  });

  it('refuse a header that would split the request, without repeating it', async () => {
    const { url, connections } = await answering(ok);
    for (const call of [outbound.fetch(url, { headers: { x: 'marker\r\ny: z' } }), outbound.asFetch()(url, { headers: { x: 'marker\r\ny: z' } })]) {
      const error: unknown = await call.catch((reason: unknown) => reason);
      expect(error).toMatchObject({ code: 'Outbound.Request.Malformed' });
      expect(String(error)).not.toContain('marker');
    }
    expect(connections()).toBe(0);
  });

  it('serve libraries as a WHATWG fetch', async () => {
    const bodies: string[] = [];
    const { url, requests } = await answering((request, response) => {
      request.on('data', (chunk: Buffer) => { bodies.push(chunk.toString()); }).on('end', () => {
        if (request.url === '/empty') response.writeHead(204).end();
        else if (request.url === '/moved') response.writeHead(302, { location: '/' }).end();
        else response.setHeader('content-type', 'application/json').end('{"fine":true}');
      });
    });
    const guarded = outbound.asFetch();
    const response = await guarded(url, { method: 'POST', body: new URLSearchParams({ grant_type: 'x' }), redirect: 'manual' });
    expect(response).toBeInstanceOf(Response);
    expect([response.ok, response.url, await response.json()]).toEqual([true, `${url}/`, { fine: true }]);
    expect(bodies).toEqual(['grant_type=x']);
    expect(requests[0]?.headers['content-type']).toContain('application/x-www-form-urlencoded');
    expect((await guarded(new Request(`${url}/empty`, { headers: { accept: 'a/b' } }))).status).toBe(204);
    expect(requests[1]?.headers.accept).toBe('a/b');
    expect((await guarded(new URL(`${url}/moved`))).status).toBe(302);
    expect((await guarded(`${url}/moved`, { redirect: 'follow' })).status).toBe(200);
    expect(await failure(guarded(`${url}/moved`, { redirect: 'error' }))).toBe('redirect');
  });
});
