import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createInstance, retireSigningKey, rotateSigningKeys, signingKeyFor } from '../tenancy/index.ts';
import { type ApiServer, startApiServer } from '../../test/support/api-server.ts';

let server: ApiServer;
beforeAll(async () => {
  server = await startApiServer();
  await createInstance(server.core, { id: 'other', name: 'Other' });
});
afterAll(async () => {
  server.setClock(undefined);
  await server.close();
});

const show = async (token: string, instance = 'default') => (await server.send('GET', `/t/${instance}/api/v1/keys`, { headers: { authorization: `Bearer ${token}` } })).status;

describe('a token that was shown before', () => {
  it('ends at its time', async () => {
    const token = await server.token();
    expect([await show(token), await show(token)]).toEqual([200, 200]);
    server.setClock(new Date(Date.now() + 301_000));
    expect(await show(token)).toBe(401);
    server.setClock(undefined);
  });

  it('is not yet valid again when the clock is set back before its start', async () => {
    const token = await server.token({ claims: { nbf: Math.floor(Date.now() / 1_000) } });
    expect(await show(token)).toBe(200);
    server.setClock(new Date(Date.now() - 60_000));
    expect(await show(token)).toBe(401);
    server.setClock(undefined);
  });

  it('speaks for no other instance, and lends its name to no other signature or claim', async () => {
    const token = await server.token();
    expect(await show(token)).toBe(200);
    expect(await show(token, 'other')).toBe(401);
    const [header, payload = '', signature = ''] = token.split('.');
    const changed = signature.slice(0, -4) + (signature.endsWith('AAAA') ? 'BBBB' : 'AAAA');
    const more = Buffer.from(JSON.stringify({ ...JSON.parse(Buffer.from(payload, 'base64url').toString()) as object, scope: 'key:manage' })).toString('base64url');
    for (const forged of [[header, payload, changed], [header, more, signature], [header, payload, '']]) expect(await show(forged.join('.'))).toBe(401);
    expect(await show(token)).toBe(200);
  });

  it('ends with its key', async () => {
    const context = await server.context();
    const token = await server.token();
    const { kid } = await signingKeyFor(context, 'ES256');
    expect(await show(token)).toBe(200);
    await rotateSigningKeys(context, 'ES256', { urgent: true });
    expect(await show(token)).toBe(200);
    await retireSigningKey(context, kid);
    expect(await show(token)).toBe(401);
  });
});
