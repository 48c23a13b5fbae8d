import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { FastifyInstance } from 'fastify';
import { type ApiServer, startApiServer } from '../../test/support/api-server.ts';
import { domainProofs } from './domain-proof.ts';
import { createInstance, instanceContext } from './instances.ts';
import { claimDomain, setPrimaryDomain, verifyDomain } from './domains.ts';

/** What a handler was told, so that tests see which instance it worked for. */
function echo(app: FastifyInstance): void {
  const answer = (of: string) => async () => ({ of });
  const config = { access: { credential: 'protocol' as const } };
  app.get('/healthz', { config: { access: { credential: 'none' } } }, answer('health'));
  app.get('/console/', { config }, answer('console'));
  app.get('/platform/v1/echo', { config }, answer('platform'));
  app.get('/t/:instance/echo', { config }, async (request) => ({ of: request.instanceContext.instance.id, issuer: request.instanceContext.instance.issuer }));
  app.get('/t/:instance/.well-known/oauth-authorization-server', { config }, async (request) => ({ of: request.instanceContext.instance.id }));
}

describe('instances under paths of one host', () => {
  let server: ApiServer;
  beforeAll(async () => {
    server = await startApiServer({ extend: echo });
    await createInstance(server.core, { id: 'acme', name: 'Acme' });
  });
  afterAll(() => server.close());

  it('serves each instance under its own path, with the issuer from the configuration', async () => {
    expect((await server.send('GET', '/t/acme/echo')).json).toEqual({ of: 'acme', issuer: `${server.origin}/t/acme` });
    expect((await server.send('GET', '/t/default/echo?x=/t/acme/')).json).toEqual({ of: 'default', issuer: `${server.origin}/t/default` });
  });

  it('finds the metadata of RFC 8414 with the well-known part before the path', async () => {
    expect((await server.send('GET', '/.well-known/oauth-authorization-server/t/acme')).json).toEqual({ of: 'acme' });
    expect((await server.send('GET', '/t/acme/.well-known/oauth-authorization-server')).json).toEqual({ of: 'acme' });
    expect((await server.send('GET', '/.well-known/oauth-authorization-server/t/nobody')).status).toBe(404);
  });

  it.each([
    '/t/ACME/echo', '/t/Acme/echo', '/T/acme/echo', '/t/acm%65/echo', '/t/%61cme/echo', '/t/acme%2fecho', '/t/acme%2Fecho', '/t/acme%5cecho',
    '/t//acme/echo', '//t/acme/echo', '/t/acme//echo', '/t/default/../acme/echo', '/t/default/%2e%2e/acme/echo', '/t/default/%2E./acme/echo',
    '/t/./acme/echo', '/t/acme/./echo', '/t/acme;default/echo', '/t/acme;/echo', '/t/acme/echo;', '/t/acme%3b/echo', '/t/acme%00/echo', '/t/acme%/echo',
    '/t/acme%252fecho', '/t/acme\\echo', '/t/acme/..', '/t/', '/t', '/t/-acme/echo', '/t/acme-/echo', '/t/nobody/echo', '/t/acme/echo/', '/t/acme/echo%0a',
    '/t/acme%e2%80%8b/echo', 'http://localhost/t/acme/echo', 'http://evil.example/t/acme/echo', '*',
  ])('attack: tenant.path-confusion: %s is nobody\'s', async (target) => {
    const answer = await server.send('GET', target);
    expect(answer.status).toBe(404);
    expect(answer.body).not.toContain('"of"');
  });

  it('names the instance of the handler in the log', async () => {
    await server.send('GET', '/t/acme/api/v1/keys');
    expect(server.logLines().filter((line) => line.includes('"instanceId":"acme"')).length).toBeGreaterThan(0);
  });

  it('attack: tenant.host-map: an unknown host gets 421, also where forwarded headers name ours', async () => {
    const host = new URL(server.origin).host;
    const strange: Record<string, string>[] = [{ host: 'evil.example' }, { host: 'evil.example', 'x-forwarded-host': host }, { host: `${host}.evil.example` }, { host: 'localhost' }, { host: '' }];
    for (const headers of strange) expect((await server.send('GET', '/t/acme/echo', { headers })).status).toBe(421);
    expect((await server.send('GET', '/t/acme/echo', { headers: { 'x-forwarded-host': 'evil.example', forwarded: 'host=evil.example' } })).json).toEqual({ of: 'acme', issuer: `${server.origin}/t/acme` });
  });

  it('answers probes on any host', async () => {
    expect((await server.send('GET', '/healthz', { headers: { host: '10.0.0.7:3000' } })).json).toEqual({ of: 'health' });
  });

  it('takes the other loopback names of a loopback address', async () => {
    const { port } = new URL(server.origin);
    expect((await server.send('GET', '/t/acme/echo', { headers: { host: `127.0.0.1:${port}` } })).status).toBe(200);
  });
});

describe('instances on hosts of their own', () => {
  let server: ApiServer;
  beforeAll(async () => {
    server = await startApiServer({ extend: echo, settings: { PUBLIC_URL: 'https://id.example.com', INSTANCE_HOSTS: '*.id.example.com', CONSOLE_URL: 'https://console.example.com' } });
    await createInstance(server.core, { id: 'acme', name: 'Acme' });
  });
  afterAll(() => server.close());
  const at = async (host: string, target: string) => (await server.send('GET', target, { headers: { host } }));

  it('serves an instance at its host, at the root', async () => {
    expect((await at('acme.id.example.com', '/echo')).json).toEqual({ of: 'acme', issuer: 'https://acme.id.example.com' });
    expect((await at('ACME.id.example.com', '/echo')).status).toBe(200);
  });

  it.each([
    ['id.example.com', '/t/acme/echo', 404], ['id.example.com', '/console/', 404], ['id.example.com', '/platform/v1/echo', 404],
    ['acme.id.example.com', '/t/acme/echo', 404], ['acme.id.example.com', '/t/default/echo', 404], ['acme.id.example.com', '/console/', 404],
    ['acme.id.example.com', '/platform/v1/echo', 404], ['acme.id.example.com', '//t/default/echo', 404], ['nobody.id.example.com', '/echo', 404],
    ['a.b.id.example.com', '/echo', 421], ['acme.id.example.com:8443', '/echo', 421], ['acme.id.example.com.', '/echo', 421], ['xid.example.com', '/echo', 421],
    ['console.example.com', '/t/acme/echo', 404], ['console.example.com', '/.well-known/oauth-authorization-server/t/acme', 404],
    ['console.example.com', '/console/', 200], ['console.example.com', '/platform/v1/echo', 200],
  ])('attack: tenant.host-map: %s %s answers %i', async (host, target, status) => {
    expect((await at(host, target)).status).toBe(status);
  });

  it('attack: tenant.host-map: a custom domain serves its one instance, and nothing under the old address, also on a replica', async () => {
    const replica = await server.replica();
    const context = await instanceContext(server.core, 'acme');
    if (!context) throw new Error('no instance');
    domainProofs(server.core).resolveTxt = async () => [[token]];
    const domain = await claimDomain(context, 'Login.Acme.Example');
    const token = domain.verificationToken;
    expect((await at('login.acme.example', '/echo')).status).toBe(421);
    await verifyDomain(context, domain.id);
    expect((await at('login.acme.example', '/echo')).status).toBe(421);
    await setPrimaryDomain(context, domain.id);
    expect((await at('login.acme.example', '/echo')).json).toEqual({ of: 'acme', issuer: 'https://login.acme.example' });
    for (const target of ['/t/acme/echo', '/t/default/echo', '/console/', '/platform/v1/echo']) expect((await at('login.acme.example', target)).status).toBe(404);
    expect((await at('acme.id.example.com', '/echo')).status).toBe(404);
    await expect.poll(async () => (await replica.send('GET', '/echo', { headers: { host: 'login.acme.example' } })).status, { timeout: 1_000 }).toBe(200);
    await replica.close();
  });
});

describe('a suspended or deleted instance', () => {
  it('answers every address with one refusal, and comes back', async () => {
    const server = await startApiServer({ extend: echo });
    try {
      await createInstance(server.core, { id: 'acme', name: 'Acme' });
      const { suspendInstance, resumeInstance } = await import('./instances.ts');
      await suspendInstance(await server.context('acme'));
      for (const target of ['/t/acme/echo', '/t/acme/api/v1/keys', `/t/acme/assets/images/${'0'.repeat(64)}.png`, '/t/acme/no-such-route']) {
        const answer = await server.send('GET', target);
        expect([answer.status, answer.json['title'], answer.json['code']]).toEqual([403, 'This instance is suspended', 'Operation.Denied']);
      }
      expect((await server.send('GET', '/t/default/echo')).status).toBe(200);
      await resumeInstance(await server.context('acme'));
      expect((await server.send('GET', '/t/acme/echo')).status).toBe(200);
    } finally {
      await server.close();
    }
  });
});
