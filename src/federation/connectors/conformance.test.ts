/** One suite for every connector, each against a stand-in that answers with its vendor's wire shapes. */
import { createHash, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createOutbound, type Outbound } from '../../core/outbound.ts';
import { chineseVendors } from '../testing/chinese-vendors.ts';
import { type Desk, startVendor, type Vendor } from '../testing/vendor.ts';
import { openIdVendors, westernVendors } from '../testing/western-vendors.ts';
import { ConnectorFailure, type ConnectedSource, type Connector, type Departure, type World } from './connector.ts';
import { connectorOf, sourceKinds } from './index.ts';

const redirectUri = 'https://id.example.com/sign-in/sources/idp_1/callback';
const vendors = [...westernVendors, ...chineseVendors];

it('each kind has its stand-in', () => {
  expect(vendors.map(({ kind }) => kind).sort()).toEqual([...sourceKinds].sort());
});

const depart = (): Departure => {
  const codeVerifier = randomBytes(32).toString('base64url');
  return {
    state: randomBytes(32).toString('base64url'), nonce: randomBytes(32).toString('base64url'), codeVerifier, codeChallenge: createHash('sha256').update(codeVerifier).digest('base64url'),
    redirectUri, loginHint: undefined, locale: undefined, userAgent: undefined };
};

/** Nobody waits for seconds in a test. */
const impatient = (outbound: Outbound): Outbound => ({
  ...outbound, fetch: (url, request) => outbound.fetch(url, { ...request, timeoutMs: 100 }),
  asFetch: (purpose) => (input, init) => outbound.asFetch(purpose)(input, { ...init, signal: AbortSignal.timeout(100) }),
});

async function failureOf(work: Promise<unknown>): Promise<ConnectorFailure> {
  const error = await work.then(() => { throw new Error('it was accepted'); }, (reason: unknown) => reason);
  if (!(error instanceof ConnectorFailure)) throw error;
  return error;
}

interface Bench { readonly desk: Desk; readonly world: World; readonly connector: Connector<never>; source(change?: Partial<ConnectedSource<never>>): ConnectedSource<never>; trip(change?: Trip): Promise<unknown> }
interface Trip { source?: ConnectedSource<never>; parameters?: Record<string, string | undefined>; arrival?: Partial<Departure>; world?: World }

function benchOf(vendor: Vendor, desk: Desk): Bench {
  const world: World = { outbound: createOutbound({ allow: [new URL(desk.base).host] }), now: () => new Date() };
  const connector = connectorOf(vendor.kind);
  let sources = 0;
  const source: Bench['source'] = (change = {}) => ({ id: `idp_${(sources += 1)}`, version: 1, settings: connector.settings.parse(vendor.settings(desk.base)), secret: vendor.secret, ...change });
  return {
    desk, world, connector, source,
    async trip({ source: given = source(), parameters = {}, arrival = {}, world: other = world } = {}) {
      const departure = depart();
      const code = desk.issue(await connector.authorizeUrl(other, given, departure));
      const sent = { [vendor.codeName]: code, state: departure.state, ...(vendor.kind === 'oidc' && { iss: desk.base }), ...parameters };
      const received = Object.fromEntries(Object.entries(sent).filter((entry): entry is [string, string] => entry[1] !== undefined));
      return connector.identify(other, given, { ...departure, ...arrival, parameters: received });
    },
  };
}

describe.each(vendors)('$kind', (vendor) => {
  let bench: Bench;
  let close: () => Promise<void>;
  beforeAll(async () => {
    const server = await startVendor(vendor);
    close = server.close;
    bench = benchOf(vendor, server.desk);
  });
  beforeEach(() => { bench.desk.reset(); });
  afterAll(() => close());

  it('says who it is, with the strongest key first and only what the vendor verified as verified', async () => {
    expect(await bench.trip()).toMatchObject({ subjects: vendor.subjects, ...(vendor.email && { email: vendor.email }) });
    if (!vendor.email) expect(await bench.trip()).not.toHaveProperty('email.address');
  });

  it('sends state, callback and, where the vendor takes it, PKCE along', async () => {
    const departure = depart();
    const url = await bench.connector.authorizeUrl(bench.world, bench.source(), departure);
    expect(url.searchParams.get('state')).toBe(departure.state);
    expect(url.searchParams.get('redirect_uri')).toBe(redirectUri);
    expect(url.searchParams.get('code_challenge')).toBe(vendor.pkce ? departure.codeChallenge : null);
    expect(url.href).not.toContain(encodeURIComponent(vendor.secret));
  });

  it('takes a code once, and names the vendor’s error', async () => {
    const failure = await failureOf(bench.trip({ parameters: { [vendor.codeName]: 'used-before' } }));
    expect(failure).toMatchObject({ check: 'code_exchange', vendorCode: vendor.usedCode });
    expect(`${String(failure)} ${JSON.stringify(failure)}`).not.toMatch(/used-before|secret-of-the|PRIVATE/);
  });

  it.runIf(vendor.pkce)('does without the verifier of somebody else', async () => {
    expect((await failureOf(bench.trip({ arrival: { codeVerifier: 'a'.repeat(43) } }))).check).toBe('code_exchange');
  });

  it('tells a wrong secret', async () => {
    // Keys must be keys: that of another application.
    const other = vendors.find(({ kind }) => kind === (vendor.kind === 'alipay' ? 'alipay' : 'github'))?.secret ?? '';
    const secret = ['alipay', 'apple'].includes(vendor.kind) ? undefined : `${other}-wrong`;
    expect(['code_exchange', 'configuration']).toContain((await failureOf(bench.trip({ source: bench.source({ secret }) }))).check);
  });

  it('knows a person who said no', async () => {
    expect((await failureOf(bench.trip({ parameters: { [vendor.codeName]: undefined, error: 'access_denied' } }))).check).toBe('refused_by_person');
  });

  it.runIf(!openIdVendors.includes(vendor))('reads errors of the profile, whatever their status', async () => {
    bench.desk.fault = 'profile';
    expect((await failureOf(bench.trip())).check).toBe('profile');
  });

  it.each(['oversize', 'slow', 'html'] as const)('gives up on an answer that is %s', async (fault) => {
    const source = bench.source();
    const departure = depart();
    const code = bench.desk.issue(await bench.connector.authorizeUrl(bench.world, source, departure));
    bench.desk.fault = fault;
    const world = { ...bench.world, outbound: impatient(bench.world.outbound) };
    const failure = await failureOf(bench.connector.identify(world, source, { ...departure, parameters: { [vendor.codeName]: code, state: departure.state, iss: bench.desk.base } }));
    if (fault !== 'html') expect(failure).toMatchObject({ check: 'unreachable', vendorCode: fault === 'slow' ? 'timeout' : 'too_large' });
  });

  it('calls no private address that the operator has not opened', async () => {
    const world: World = { ...bench.world, outbound: createOutbound({ allow: [] }) };
    const source = bench.source();
    const failure = await failureOf((async () => {
      await bench.connector.authorizeUrl(world, source, depart());
      return bench.connector.identify(world, source, { ...depart(), parameters: { [vendor.codeName]: 'code', state: 's' } });
    })());
    expect(failure).toMatchObject({ check: 'unreachable', vendorCode: 'address_blocked' });
    expect(bench.desk.asked).toEqual([]);
  });
});

describe.each(openIdVendors)('attack: fed.upstream-token, $kind', (vendor) => {
  let bench: Bench;
  let close: () => Promise<void>;
  beforeAll(async () => {
    const server = await startVendor(vendor);
    close = server.close;
    bench = benchOf(vendor, server.desk);
  });
  beforeEach(() => { bench.desk.reset(); });
  afterAll(() => close());
  const now = Math.floor(Date.now() / 1_000);

  it.each([
    ['for another client', { aud: 'another-client' }], ['for nobody', { aud: null }], ['for several, by another', { aud: ['the-client', 'other'], azp: 'other' }],
    ['of another issuer', { iss: 'https://evil.example' }], ['without issuer', { iss: null }],
    ['with another nonce', { nonce: 'other' }], ['without nonce', { nonce: null }], ['expired', { exp: now - 3_600, iat: now - 7_200 }], ['without expiry', { exp: null }],
    ['without subject', { sub: null }], ['with an empty subject', { sub: '' }], ['signed by a stranger', { _key: 'stranger' }], ['unsigned', { _alg: 'none' }],
  ])('an ID token %s', async (_name, claims) => {
    bench.desk.claims = claims;
    expect(['id_token', 'subject', 'not_admitted']).toContain((await failureOf(bench.trip())).check);
  });

  it('attack: fed.state-nonce: another state, or none', async () => {
    for (const state of ['another', undefined]) expect((await failureOf(bench.trip({ parameters: { state } }))).check).toBe('id_token');
    expect(bench.desk.asked.filter(({ path }) => path.endsWith('/token'))).toEqual([]);
  });

  it.runIf(vendor.kind === 'oidc')('the profile of somebody else (OpenID Connect Core §5.3.2)', async () => {
    bench.desk.profile = { sub: 'somebody-else' };
    expect((await failureOf(bench.trip())).check).toBe('id_token');
  });

  it.runIf(vendor.kind === 'oidc')('attack: fed.state-nonce: the answer of another provider (RFC 9207)', async () => {
    for (const iss of ['https://other.example', undefined]) expect((await failureOf(bench.trip({ parameters: { iss } }))).check).toBe('id_token');
    expect(bench.desk.asked.filter(({ path }) => path.endsWith('/token'))).toEqual([]);
  });
});

describe('attack: fed.email-unverified', () => {
  const openIdBench = async (kind: string) => {
    const vendor = openIdVendors.find((each) => each.kind === kind);
    if (!vendor) throw new Error('no such vendor');
    const server = await startVendor(vendor);
    return { ...benchOf(vendor, server.desk), close: server.close };
  };

  it.each([[false], [null], ['TRUE'], ['True'], [1], ['yes'], [['true']]])('email_verified = %j is no verification', async (value) => {
    const bench = await openIdBench('oidc');
    bench.desk.claims = { email: 'pat@example.com', email_verified: value };
    expect(await bench.trip()).toMatchObject({ email: { address: 'pat@example.com', verified: false } });
    await bench.close();
  });

  it('Google: an address that Google does not host may have been lost since', async () => {
    const bench = await openIdBench('google');
    bench.desk.claims = { email: 'pat@elsewhere.example' };
    expect(await bench.trip()).toMatchObject({ email: { verified: false } });
    bench.desk.claims = { hd: 'other.example' };
    expect(await failureOf(bench.trip())).toMatchObject({ check: 'not_admitted', vendorCode: 'hosted_domain' });
    await bench.close();
  });

  it('Microsoft: any address that a tenant types, and any other tenant', async () => {
    const bench = await openIdBench('microsoft');
    bench.desk.claims = { email_verified: true, verified_primary_email: ['x'] };
    expect(await bench.trip()).toMatchObject({ email: { verified: false } });
    bench.desk.claims = { xms_edov: '1' };
    expect(await bench.trip()).toMatchObject({ email: { verified: true } });
    bench.desk.claims = { tid: '99999999-2222-3333-4444-555555555555' };
    expect(await failureOf(bench.trip())).toMatchObject({ check: 'not_admitted', vendorCode: 'tenant' });
    await bench.close();
  });
});

describe('what single vendors do', () => {
  const at = async (kind: string, work: (bench: Bench) => Promise<void>) => {
    const vendor = vendors.find((each) => each.kind === kind);
    if (!vendor) throw new Error('no such vendor');
    const server = await startVendor(vendor);
    await work(benchOf(vendor, server.desk));
    await server.close();
  };

  it('WeChat: no made-up accounts, nobody else’s profile, and the parameters in its order', () => at('wechat_official_account', async (bench) => {
    const url = await bench.connector.authorizeUrl(bench.world, bench.source(), depart());
    expect([...url.searchParams.keys()]).toEqual(['appid', 'redirect_uri', 'response_type', 'scope', 'state']);
    expect(url.hash).toBe('#wechat_redirect');
    bench.desk.claims = { is_snapshotuser: 1 };
    expect(await failureOf(bench.trip())).toMatchObject({ check: 'not_admitted', vendorCode: 'is_snapshotuser' });
    bench.desk.reset();
    bench.desk.profile = { openid: 'SOMEBODY-ELSE' };
    expect(await failureOf(bench.trip())).toMatchObject({ check: 'subject' });
  }));

  it('WeChat: without a unionid the key is of the application alone', () => at('wechat', async (bench) => {
    bench.desk.claims = { unionid: undefined };
    bench.desk.profile = { unionid: undefined };
    expect(await bench.trip()).toMatchObject({ subjects: ['openid:wx1234:OPENID-1'] });
  }));

  it('WeCom: members alone, the corporate token kept between sign-ins, in-app pages by browser', () => at('wecom', async (bench) => {
    const source = bench.source();
    await bench.trip({ source });
    await bench.trip({ source });
    expect(bench.desk.asked.filter(({ path }) => path === '/cgi-bin/gettoken')).toHaveLength(1);
    bench.desk.claims = { userid: undefined, openid: 'outsider', external_userid: 'x' };
    expect(await failureOf(bench.trip())).toMatchObject({ check: 'not_admitted', vendorCode: 'not_a_member' });
    const inApp = await bench.connector.authorizeUrl(bench.world, source, { ...depart(), userAgent: 'Mozilla/5.0 wxwork/4.1 MicroMessenger/7' });
    expect([inApp.pathname, inApp.hash]).toEqual(['/connect/oauth2/authorize', '#wechat_redirect']);
  }));

  it('DingTalk: its own number is verified, a masked one is none', () => at('dingtalk', async (bench) => {
    expect(await bench.trip()).toMatchObject({ phone: { number: '+8615012345678', verified: true } });
    bench.desk.profile = { mobile: '150****5678' };
    expect(await bench.trip()).toMatchObject({ phone: undefined });
  }));

  it('Alipay: an answer that Alipay did not sign is nobody’s', () => at('alipay', async (bench) => {
    bench.desk.claims = { sign: Buffer.from('forged').toString('base64') };
    expect(await failureOf(bench.trip())).toMatchObject({ check: 'code_exchange', vendorCode: 'signature' });
  }));

  it('QQ: attack: fed.upstream-token: a token of another application', () => at('qq', async (bench) => {
    bench.desk.claims = { client_id: '9999' };
    expect(await failureOf(bench.trip())).toMatchObject({ check: 'subject', vendorCode: 'client_id' });
  }));

  it('GitHub: an unverified address is none', () => at('github', async (bench) => {
    bench.desk.claims = { verified: false };
    expect(await bench.trip()).toMatchObject({ subjects: ['id:583231'], email: undefined });
  }));
});
