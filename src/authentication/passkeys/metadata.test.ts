/** Metadata of authenticators, and attestation that it vouches for. */
import './library.ts';
import { sign } from 'node:crypto';
import { BasicConstraintsExtension, Extension, type X509Certificate, X509CertificateGenerator } from '@peculiar/x509';
import { CompactSign } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sendRaw } from '../../../test/support/raw-request.ts';
import { withinASecond } from '../../../test/support/within-a-second.ts';
import { startTestServer, type TestServer } from '../../../test/support/server.ts';
import { createUser } from '../../directory/index.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import type { Facts } from '../flow/facts.ts';
import { type Making, SoftwareAuthenticator } from '../testing/software-authenticator.ts';
import { webauthnEnrolment } from './enrolment.ts';

interface Signer { readonly certificate: X509Certificate; readonly keys: CryptoKeyPair }

let server: TestServer;
let context: InstanceContext;
let root: Signer;
let signer: Signer;
let maker: Signer;
let person: { id: string; username: string };
beforeAll(async () => {
  server = await startTestServer();
  context = await server.context();
  root = await certify('CN=Test root', undefined, true);
  signer = await certify('CN=metadata.example.com', root);
  // The names that WebAuthn §8.2.1 wants, and the model within (id-fido-gen-ce-aaguid).
  maker = await certify('C=CH, O=Test, OU=Authenticator Attestation, CN=Test key', root, false, [new Extension('1.3.6.1.4.1.45724.1.1.4', false, Buffer.concat([Buffer.from([4, 16]), aaguidBytes]))]);
  person = await createUser(context, { username: 'attested', displayName: 'Attested' });
});
afterAll(() => server.close());

const aaguid = '11112222-3333-4444-5555-666677778888';
const aaguidBytes = Buffer.from(aaguid.replaceAll('-', ''), 'hex');
const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const day = 86_400_000;
let serial = 0;

async function certify(name: string, by?: Signer, ca = false, extensions: Extension[] = [], validUntil = Date.now() + day): Promise<Signer> {
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const certificate = await X509CertificateGenerator.create({
    serialNumber: String((serial += 1)).padStart(2, '0'), subject: name, issuer: by?.certificate.subject ?? name, notBefore: new Date(Date.now() - 2 * day), notAfter: new Date(validUntil),
    signingAlgorithm: algorithm, publicKey: keys.publicKey, signingKey: (by?.keys ?? keys).privateKey, extensions: [new BasicConstraintsExtension(ca, undefined, true), ...extensions] });
  return { certificate, keys };
}

const base64 = ({ certificate }: Signer) => Buffer.from(certificate.rawData).toString('base64');

/** A file as an administrator gets it. */
async function blobOf(number: number, { by = signer, path = [by], statuses = ['FIDO_CERTIFIED'], alg = 'ES256' }: { by?: Signer; path?: Signer[]; statuses?: string[]; alg?: string } = {}): Promise<string> {
  const payload = {
    legalHeader: '', no: number, nextUpdate: '2030-01-31',
    entries: [{ aaguid, metadataStatement: { description: 'Test key 5', attestationRootCertificates: [base64(root)] }, statusReports: statuses.map((status) => ({ status, effectiveDate: '2026-01-01' })) }, { aaid: '1234#5678', statusReports: [] }] };
  return new CompactSign(Buffer.from(JSON.stringify(payload))).setProtectedHeader({ alg, x5c: path.map(base64) }).sign(by.keys.privateKey);
}

const upload = (blob: string, rootCertificate: string | undefined = root.certificate.toString('pem')) =>
  server.api('PUT', '/passkey-metadata', { blob, ...(rootCertificate !== '' && { rootCertificate }) });

/** An enrolment with a statement of the maker, or of somebody. */
async function enrol(by: Signer | undefined, { spoil = false, model = aaguid }: { spoil?: boolean; model?: string } = {}) {
  const fresh = await server.context();
  const key = new SoftwareAuthenticator(new URL(server.issuer).origin);
  const facts = { flowId: `flow_${serial}`, channel: 'browser', proofs: [], user: { ...person, state: 'usable' } } as unknown as Facts;
  const options = (await webauthnEnrolment.describe(fresh, facts))?.data as Making;
  const signingKey = by && Buffer.from(await crypto.subtle.exportKey('pkcs8', by.keys.privateKey));
  const statement = (authData: Buffer, clientDataHash: Buffer) => new Map<string, unknown>([
    ['alg', -7], ['x5c', [new Uint8Array(Buffer.from(base64(by ?? maker), 'base64'))]],
    ['sig', new Uint8Array(sign('sha256', Buffer.concat([authData, spoil ? Buffer.alloc(32) : clientDataHash]), { key: signingKey ?? Buffer.alloc(0), format: 'der', type: 'pkcs8' }))]]);
  return webauthnEnrolment.verify(fresh, facts, { credential: key.create(options, { aaguid: model, ...(by && { fmt: 'packed', statement }) }) });
}

const setPolicy = async (passkeys: object) => expect((await server.api('PATCH', '/settings', { passkeys })).status).toBe(200);

describe('metadata of authenticators', () => {
  it('is taken when its signature leads to the root, and only a newer one after it', async () => {
    expect(await server.api('GET', '/passkey-metadata')).toMatchObject({ status: 404 });
    expect(await upload(await blobOf(7))).toMatchObject({ status: 200, body: { number: 7, nextUpdate: '2030-01-31', models: 1 } });
    expect(await upload(await blobOf(7))).toMatchObject({ status: 409, body: { code: 'Operation.Failure.Passkey.Metadata.Old' } });
    expect(await upload(await blobOf(6))).toMatchObject({ status: 409 });
    expect(await upload(await blobOf(8))).toMatchObject({ status: 200, body: { number: 8 } });
    expect(await server.api('GET', '/passkey-metadata')).toMatchObject({ status: 200, body: { number: 8 } });
    expect(await context.db.event.count({ where: { type: 'passkey_metadata.replaced' } })).toBe(2);
  });

  it('is refused when somebody else signed it, or nobody', async () => {
    const stranger = await certify('CN=metadata.example.com');
    const late = await certify('CN=metadata.example.com', root, false, [], Date.now() - day);
    const notAllowed = await certify('CN=metadata.example.com', signer);
    const good = await blobOf(20);
    const [header = '', payload = ''] = good.split('.');
    const spoilt: [string, string][] = [
      ['a stranger', await blobOf(20, { by: stranger })],
      ['a stranger with our certificate', await blobOf(20, { by: stranger, path: [signer] })],
      ['a certificate out of its time', await blobOf(20, { by: late })],
      ['a certificate whose issuer may not issue', await blobOf(20, { by: notAllowed, path: [notAllowed, signer] })],
      ['another payload', `${header}.${Buffer.from(Buffer.from(payload, 'base64url').toString().replace('Test key 5', 'Test key 6')).toString('base64url')}.${good.split('.')[2] ?? ''}`],
      ['no algorithm', `${Buffer.from(JSON.stringify({ alg: 'none', x5c: [base64(signer)] })).toString('base64url')}.${payload}.AA`],
    ];
    for (const [what, blob] of spoilt) expect([what, (await upload(blob)).status]).toEqual([what, 400]);
    // Without a root of one's own it must be the FIDO Alliance.
    expect(await upload(good, '')).toMatchObject({ status: 400 });
    expect(await upload(good, 'no certificate')).toMatchObject({ status: 400 });
    expect(await server.api('GET', '/passkey-metadata')).toMatchObject({ body: { number: 8 } });
  });
});

describe('attack: webauthn.policy-server-side', () => {
  it('a model that nobody vouches for is not registered where the policy is direct', async () => {
    await setPolicy({ attestation: 'direct' });
    const stranger = await certify('C=CH, O=Test, OU=Authenticator Attestation, CN=Test key');
    expect(await enrol(undefined)).toMatchObject({ code: 'Passkey.Not.Attested' });
    expect(await enrol(stranger)).toMatchObject({ code: 'Passkey.Not.Attested' });
    expect(await enrol(maker, { spoil: true })).toMatchObject({ code: 'Passkey.Not.Made' });
    expect(await enrol(maker, { model: '99999999-3333-4444-5555-666677778888' })).toMatchObject({ code: 'Passkey.Not.Made' });
    expect(await enrol(maker)).toMatchObject({ credential: { attested: true, name: 'Test key 5', aaguid } });
    await setPolicy({ attestation: 'indirect' });
    expect(await enrol(undefined)).toMatchObject({ credential: { attested: false } });
    expect(await enrol(maker, { spoil: true })).toMatchObject({ code: 'Passkey.Not.Made' });
    await setPolicy({ attestation: 'none' });
    expect(await enrol(maker, { spoil: true })).toMatchObject({ credential: { attested: false } });
  });

  it('a model that was reported as compromised is not registered at all', async () => {
    expect((await upload(await blobOf(30, { statuses: ['FIDO_CERTIFIED', 'ATTESTATION_KEY_COMPROMISE'] }))).status).toBe(200);
    expect(await enrol(undefined)).toMatchObject({ code: 'Passkey.Model.Not.Allowed' });
    expect((await server.api('DELETE', '/passkey-metadata')).status).toBe(204);
    expect((await server.api('DELETE', '/passkey-metadata')).status).toBe(404);
    expect(await enrol(undefined)).toHaveProperty('credential');
  });
});

describe('the RP id', () => {
  it('is the host of the instance or one that it has proven; origins are listed for browsers', async () => {
    for (const rpId of ['example.com', 'localhost.example.com', 'com']) expect([rpId, (await server.api('PATCH', '/settings', { passkeys: { rpId } })).status]).toEqual([rpId, 400]);
    await setPolicy({ rpId: 'localhost' });
    await setPolicy({ rpId: null });
    const answer = await fetch(`${server.issuer}/.well-known/webauthn`);
    expect([answer.status, answer.headers.get('content-type'), await answer.json()]).toEqual([200, expect.stringContaining('application/json'), { origins: [new URL(server.issuer).origin] }]);
  });

  it('may be a proven domain that serves the list of origins, and nothing else', async () => {
    await context.db.instanceDomain.create({ data: { id: 'dom_of_passkeys', hostname: 'old.example.net', status: 'verified', verificationToken: 'token' } });
    const ask = (path: string) => sendRaw(Number(new URL(server.origin).port), 'old.example.net', { target: path });
    expect((await ask('/.well-known/webauthn')).status).toBe(421);
    await setPolicy({ rpId: 'old.example.net' });
    await withinASecond(() => ask('/.well-known/webauthn'), ({ status }) => status === 200);
    expect((await ask('/.well-known/webauthn')).body).toContain(new URL(server.issuer).origin);
    for (const path of ['/', '/api/v1/users', '/.well-known/openid-configuration', '/t/default/']) expect([path, (await ask(path)).status]).toEqual([path, 421]);
    await setPolicy({ rpId: null });
    await withinASecond(() => ask('/.well-known/webauthn'), ({ status }) => status === 421);
  });
});
