import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type ApiServer, startApiServer } from '../../test/support/api-server.ts';
import { domainProofs } from './domain-proof.ts';
import { claimDomain, failedChecksUntilLapse, recheckDomains, setPrimaryDomain, verifyDomain } from './domains.ts';
import { createInstance, loadInstance } from './instances.ts';

let server: ApiServer;
/** The DNS of these tests; a missing name does not exist, an error is thrown. */
const zone = new Map<string, string[] | Error>();
const absent = Object.assign(new Error('queryTxt ENOTFOUND'), { code: 'ENOTFOUND' });

beforeAll(async () => {
  server = await startApiServer({ settings: { INSTANCE_HOSTS: '*.id.example.com:3000', PUBLIC_URL: 'http://localhost:3999', CONSOLE_URL: 'https://console.example.com' } });
  domainProofs(server.core).resolveTxt = async (name) => {
    const records = zone.get(name) ?? absent;
    if (records instanceof Error) throw records;
    return records.map((record) => [record.slice(0, 5), record.slice(5)]);
  };
  await createInstance(server.core, { id: 'rival', name: 'Rival' });
});
afterAll(() => server.close());
beforeEach(() => zone.clear());

const prove = (domain: { hostname: string; verificationToken: string }) => zone.set(`_postern-challenge.${domain.hostname}`, ['v=spf1 -all', domain.verificationToken]);

describe('claiming a host name', () => {
  it.each([
    ['Login.EXAMPLE.org', 'login.example.org'], ['login2.example.org.', 'login2.example.org'], ['登录.example.org', 'xn--w2t382c.example.org'],
    ['bücher.example.org', 'xn--bcher-kva.example.org'], [' spaces.example.org ', 'spaces.example.org'],
  ])('brings %j into its one form', async (given, hostname) => {
    expect((await claimDomain(await server.context(), given)).hostname).toBe(hostname);
  });

  it.each([
    'localhost', 'example', 'a.localhost', 'x.invalid', 'abc.onion', '1.0.0.127.in-addr.arpa', '127.0.0.1', '[::1]', '0x7f.1', '256', 'a..example.org', '-a.example.org',
    'https://a.example.org', 'a.example.org/x', 'a.example.org:443', 'user@a.example.org', 'a_b.example.org', '*.example.org', 'a.example.org%00', `${'a'.repeat(64)}.example.org`,
    'id.example.com', 'acme.id.example.com', 'ID.example.com.', 'ｉｄ.example.com', 'console.example.com', '',
  ])('attack: tenant.host-map: refuses %j', async (given) => {
    await expect(claimDomain(await server.context(), given)).rejects.toMatchObject({ status: 400 });
  });
});

describe('proof of ownership', () => {
  it('attack: tenant.host-map: a claim without proof is no domain, and keeps nobody else from it', async () => {
    const squatter = await server.context('rival');
    const owner = await server.context();
    const squatted = await claimDomain(squatter, 'bank.example.net');
    await expect(verifyDomain(squatter, squatted.id)).rejects.toMatchObject({ status: 409, code: 'Operation.Failure.Domain.Proof.Missing' });
    await expect(setPrimaryDomain(squatter, squatted.id)).rejects.toMatchObject({ status: 409, code: 'Operation.Failure.Domain.Not.Verified' });

    const owned = await claimDomain(owner, 'bank.example.net');
    expect(owned.verificationToken).not.toBe(squatted.verificationToken);
    prove(owned);
    await expect(verifyDomain(squatter, squatted.id)).rejects.toMatchObject({ status: 409 });
    expect((await verifyDomain(owner, owned.id)).status).toBe('verified');

    zone.set('_postern-challenge.bank.example.net', [squatted.verificationToken]);
    await expect(verifyDomain(squatter, squatted.id)).rejects.toMatchObject({ status: 409, code: 'Operation.Failure.Domain.Already.Exist' });
    await expect(claimDomain(squatter, 'BANK.example.net')).rejects.toMatchObject({ status: 409, code: 'Operation.Failure.Domain.Already.Exist' });
  });

  it('is shown as the record to set, and managed over REST', async () => {
    const path = '/api/v1/domains';
    const host = { host: 'default.id.example.com:3000' };
    const claimed = await server.api('POST', path, { hostname: 'shop.example.net' }, host);
    expect(claimed.status).toBe(201);
    expect(claimed.json).toMatchObject({ hostname: 'shop.example.net', status: 'pending', primary: false, proof: { type: 'TXT', name: '_postern-challenge.shop.example.net' } });
    const { value } = claimed.json['proof'] as unknown as { value: string };
    expect((await server.api('POST', `${path}/${String(claimed.json['id'])}/verify`, undefined, host)).status).toBe(409);
    zone.set('_postern-challenge.shop.example.net', [value]);
    expect((await server.api('POST', `${path}/${String(claimed.json['id'])}/verify`, undefined, host)).json['status']).toBe('verified');
    expect((await server.api('DELETE', `${path}/${String(claimed.json['id'])}`, undefined, host)).status).toBe(204);
    expect((await server.api('GET', `${path}/${String(claimed.json['id'])}`, undefined, host)).status).toBe(404);
  });
});

describe('the daily check', () => {
  it('attack: tenant.host-map: a domain lapses when its proof is gone for days, and its host serves nobody', async () => {
    const context = await server.context('rival');
    const domain = await claimDomain(context, 'old.example.net');
    prove(domain);
    await verifyDomain(context, domain.id);
    await setPrimaryDomain(context, domain.id);
    const status = async () => (await context.db.instanceDomain.findFirstOrThrow({ where: { id: domain.id } }));
    const answer = async () => (await server.send('GET', '/assets/images/x.png', { headers: { host: 'old.example.net' } })).status;

    zone.set('_postern-challenge.old.example.net', Object.assign(new Error('timeout'), { code: 'ETIMEOUT' }));
    for (let round = 0; round < 5; round += 1) await recheckDomains(server.core);
    expect(await status()).toMatchObject({ status: 'verified', failedChecks: 0 });

    zone.delete('_postern-challenge.old.example.net');
    for (let round = 1; round < failedChecksUntilLapse; round += 1) await recheckDomains(server.core);
    expect(await status()).toMatchObject({ status: 'verified', failedChecks: failedChecksUntilLapse - 1 });
    prove(domain);
    await recheckDomains(server.core);
    expect(await status()).toMatchObject({ status: 'verified', failedChecks: 0 });
    expect(await answer()).toBe(404);                // no such image, but the host is served

    zone.delete('_postern-challenge.old.example.net');
    for (let round = 0; round < failedChecksUntilLapse; round += 1) await recheckDomains(server.core);
    expect(await status()).toMatchObject({ status: 'lapsed' });
    await expect.poll(answer, { timeout: 1_000 }).toBe(421);
    expect((await loadInstance(server.core, 'rival'))?.issuer).toBe('http://rival.id.example.com:3000');

    const next = await server.context();
    const taken = await claimDomain(next, 'old.example.net');
    prove(taken);
    expect((await verifyDomain(next, taken.id)).status).toBe('verified');
  });
});
