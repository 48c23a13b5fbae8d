/** Everything that is minted, shown at every place that takes something; and what no longer counts, shown everywhere. */
import { randomUUID } from 'node:crypto';
import { exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createResourceServer, deviceCodeGrant, putResourceGrant } from '../../src/applications/index.ts';
import { browserCookieName, createSetupLink, findLiveSession, sessionCookieName } from '../../src/authentication/index.ts';
import { recoveryCodesEnrolment } from '../../src/authentication/enrolments/recovery-codes.ts';
import { draftCodes } from '../../src/authentication/recovery-codes.ts';
import { solve } from '../../src/authentication/risk/captcha.ts';
import { giveAddress } from '../../src/authentication/testing/codes.ts';
import { lastMail } from '../../src/authentication/testing/mailbox.ts';
import { SoftwareAuthenticator } from '../../src/authentication/testing/software-authenticator.ts';
import { newId } from '../../src/core/ids.ts';
import { proofKinds } from '../../src/core/proof-registry.ts';
import { createUser } from '../../src/directory/index.ts';
import { createSource } from '../../src/federation/sources.ts';
import { startVendor, type VendorServer } from '../../src/federation/testing/vendor.ts';
import { openIdVendors } from '../../src/federation/testing/western-vendors.ts';
import { createInstance, type InstanceContext, signingKeyFor, withPrincipal } from '../../src/tenancy/index.ts';
import { ApiProgram } from '../support/api-flow.ts';
import { type Browser, createBrowser, formOf, type Page } from '../support/browser.ts';
import { authorizeCode, authorizeUrl, createClient, createPerson, createPkce, exchange, password, type Pkce, post, push, redirectUri, signIn, type SignedIn, startProtocolServer, type TestClient } from '../support/oidc.ts';
import type { TestServer } from '../support/server.ts';
import { giveTries, WaitingFlow } from '../support/waiting-flow.ts';
import { createWorld, type World, wideLimits } from '../support/world.ts';

let server: TestServer;
let context: InstanceContext;
let issuer: string;
let outside: VendorServer;
beforeAll(async () => {
  // Guesses of device codes are counted by address: a proxy gives each request one of its own.
  const started = await startProtocolServer({ settings: { TRUSTED_PROXIES: '127.0.0.1', OUTBOUND_ALLOW: '127.0.0.1' } });
  ({ server } = started);
  ({ issuer } = server);
  await server.api('PATCH', '/settings', {
    ...wideLimits, dynamicRegistration: { enabled: true }, captcha: { difficulty: 8 }, lockout: { failuresPerAddress: 10_000 },
    methods: { first: ['password', 'otp_email', 'magic_link', 'webauthn'], codeLength: 8, failuresPerUser: 100 } });
  outside = await startVendor(vendor);
  outside.desk.profile = { email: undefined, email_verified: undefined };
  context = withPrincipal(await server.context(), { kind: 'system' });
});
afterAll(async () => {
  await outside.close();
  await server.close();
});
const vendor = openIdVendors.find(({ kind }) => kind === 'oidc') ?? (() => { throw new Error('no such vendor'); })();

let addresses = 0;
const fromElsewhere = () => ({ 'x-forwarded-for': `198.51.${Math.floor((addresses += 1) / 250) % 250}.${(addresses % 250) + 1}` });

/** One of each kind, and what belongs to it. */
interface Minted {
  readonly values: Readonly<Record<string, string>>;
  readonly client: TestClient;
  readonly api: TestClient;
  readonly television: TestClient;
  readonly signedIn: SignedIn;
  readonly waiting: Browser;
  readonly waitingPage: Page;
  readonly resumePath: string;
  readonly resumeBrowser: Browser;
  readonly codePkce: Pkce;
  readonly registered: string;
  readonly proofKey: { privateKey: CryptoKey; publicJwk: JWK };
  readonly flows: Flows;
  readonly trips: Trips;
}

async function mint(): Promise<Minted> {
  const orders = await createResourceServer(context, { identifier: `https://orders.example.com/${randomUUID()}`, name: 'Orders', scopes: [{ name: 'read', description: 'Read' }], accessTokenSeconds: 600, tokenFormat: 'opaque', signingAlgorithm: 'ES256' });
  const api = await createClient(context, { oidc: { introspectsResources: [orders.identifier] } });
  const client = await createClient(context, { oidc: { grantTypes: ['authorization_code', 'refresh_token', 'client_credentials'] } });
  await putResourceGrant(context, client.application.id, orders.id, ['read']);
  const television = await createClient(context, { kind: 'native', name: 'Television', oidc: { grantTypes: [deviceCodeGrant], redirectUris: [], postLogoutRedirectUris: [] } });

  const first = await authorizeCode(context, { client });
  const tokens = (await exchange(issuer, first)).body;
  const signedIn = await authorizeCode(context, { client, person: first.person, browser: first.browser });
  const machineToken = (await post(issuer, 'token', { grant_type: 'client_credentials', resource: orders.identifier }, client)).body;
  const device = (await post(issuer, 'device_authorization', { client_id: television.clientId, scope: 'openid' })).body;
  const pushed = await push(issuer, client, createPkce());

  const waiting = createBrowser(server.origin);
  const waitingPage = await waiting.open(authorizeUrl(issuer, client, createPkce()));
  const resumeBrowser = createBrowser(server.origin);
  const codePkce = createPkce();
  let page = await resumeBrowser.open(authorizeUrl(issuer, client, codePkce));
  page = await resumeBrowser.submit(page, { identifier: first.person.username });
  const form = formOf(page, 'password');
  const finished = await resumeBrowser.request(form.action, { method: 'POST', headers: { origin: server.origin }, body: new URLSearchParams({ ...form.fields, password: 'marmalade engine 47 violins' }) });
  const resumePath = new URL(finished.headers.get('location') ?? '').pathname;

  const posted = await createBrowser(server.origin).request(`${issuer}/oauth2/authorize`, { method: 'POST', body: new URL(authorizeUrl(issuer, client, createPkce())).searchParams });
  const signOut = await signedIn.browser.open(`${issuer}/oauth2/logout`);
  const allowance = async () => ((await server.api('POST', '/initial-access-tokens')).body as { token: string }).token;
  const registration = await fetch(`${issuer}/oauth2/register`, { method: 'POST', headers: { authorization: `Bearer ${await allowance()}`, 'content-type': 'application/json' }, body: JSON.stringify({ redirect_uris: [redirectUri] }) });
  const registered = await registration.json() as { client_id: string; registration_access_token: string };
  const pair = await generateKeyPair('ES256', { extractable: true });
  const proofKey = { privateKey: pair.privateKey, publicJwk: await exportJWK(pair.publicKey) };
  const dpopAnswer = await post(issuer, 'token', { grant_type: 'client_credentials' }, client, { dpop: await proof(proofKey, 'wrong-nonce') });
  const { kid, key } = await signingKeyFor(context, 'RS256');
  const session = await context.db.sessionParticipant.findFirstOrThrow({ where: { applicationId: client.application.id, sid: { not: null } } });
  const domain = await server.api('POST', '/domains', { hostname: `login-${randomUUID().slice(0, 8)}.example.org` });
  const { flows, ...ofFlows } = await mintFlows(client);
  const { trips, ...ofTrips } = await mintTrips();

  return {
    flows, trips, client, api, television, signedIn, waiting, waitingPage, resumePath, resumeBrowser, codePkce, registered: registered.client_id, proofKey,
    values: {
      ...ofFlows.values, ...ofTrips.values,
      'authentication.account-form-token': formOf(await signedIn.browser.open(`${issuer}/account/profile`)).fields['formToken'] ?? '',
      'authentication.browser-token': waiting.cookies.get(browserCookieName(context))?.value ?? '',
      'authentication.session-token': signedIn.browser.cookies.get(sessionCookieName(context))?.value ?? '',
      'authentication.flow-id': new URL(waitingPage.url).pathname.split('/').at(-1) ?? '',
      'authentication.api-flow-handle': await startOfProgram(client),
      'authentication.form-token': formOf(waitingPage).fields['formToken'] ?? '',
      'directory.invitation-link': ((await server.api('POST', '/invitations', { email: `${randomUUID()}@example.net`, username: `invited-${randomUUID().slice(0, 8)}` })).body as { url: string }).url.split('/').at(-1) ?? '',
      'authentication.setup-link': (await createSetupLink(context, first.person.user.id)).token,
      'authentication.cross-site-post': new URL(posted.headers.get('location') ?? '').searchParams.get('posted') ?? '',
      'oauth.access-token': String(tokens['access_token']),
      'oauth.authorization-code': signedIn.code,
      'oauth.device-code': String(device['device_code']),
      'oauth.user-code': String(device['user_code']),
      'oauth.jwt-access-token': await server.managementToken(),
      'oauth.machine-token': String(machineToken['access_token']),
      'oauth.id-token': String(tokens['id_token']),
      'oauth.logout-token': await new SignJWT({ sub: first.person.user.id, sid: session.sid, events: { 'http://schemas.openid.net/event/backchannel-logout': {} }, jti: randomUUID() })
        .setProtectedHeader({ alg: 'RS256', typ: 'logout+jwt', kid }).setIssuer(issuer).setAudience(client.clientId).setIssuedAt().setExpirationTime('2m').sign(key),
      'oauth.refresh-token': String(tokens['refresh_token']),
      'oauth.request-uri': String(pushed.body['request_uri']),
      'oauth.interaction': resumePath.split('/').at(-1) ?? '',
      'oauth.logout-form-token': formOf(signOut, 'decision').fields['form_token'] ?? '',
      'oauth.dpop-nonce': dpopAnswer.headers.get('dpop-nonce') ?? '',
      'oauth.initial-access-token': await allowance(),
      'oauth.registration-access-token': registered.registration_access_token,
      'tenancy.domain-challenge': (domain.body as { proof: { value: string } }).proof.value,
    },
  };
}

/** Sign-ins that wait, each for a thing of one kind. */
interface Flows {
  readonly captcha: WaitingFlow;
  readonly code: WaitingFlow;
  readonly link: WaitingFlow;
  /** Another one, for the code that its link shows on another device. */
  readonly paired: WaitingFlow;
  readonly recoveryCode: WaitingFlow;
  readonly recovery: WaitingFlow;
  readonly passkey: WaitingFlow;
}

async function mintFlows(client: TestClient): Promise<{ flows: Flows; values: Record<string, string> }> {
  const email = () => `${randomUUID()}@example.com`;
  const mailed = async (verb: 'otp_email.prepare' | 'magic_link.prepare') => {
    const to = email();
    await context.transaction((tx) => createUser(tx, { username: to.slice(0, 30), email: to }, { emailVerified: true }));
    const flow = await WaitingFlow.begin(context, client);
    await flow.press('identify', { identifier: to });
    await flow.press(verb);
    const { variables } = await lastMail(context, to);
    return { flow, code: variables['code'] ?? '', token: lastPart(variables['link']) };
  };
  const [code, link, paired] = [await mailed('otp_email.prepare'), await mailed('magic_link.prepare'), await mailed('magic_link.prepare')];
  const elsewhere = createBrowser(server.origin);
  const pair = async ({ token }: { token: string }) => elsewhere.submit(await elsewhere.open(`${issuer}/link/${token}`), {});
  await pair(link);
  const shown = await pair(paired);

  const person = await createPerson(context);
  const address = email();
  await giveAddress(context, person.user.id, { email: address });
  const codes = draftCodes(context, randomUUID(), person.user.id);
  await context.transaction((tx) => recoveryCodesEnrolment.store(tx, person.user.id, { id: newId('rcodes'), codes }));
  const recoveryCode = await WaitingFlow.begin(context, client, { acr_values: 'urn:postern:acr:multi' });
  await recoveryCode.press('identify', { identifier: person.username });
  await recoveryCode.press('password.verify', { password });
  const recovery = await WaitingFlow.begin(context, client);
  await recovery.press('recover');
  await recovery.press('recover', { identifier: person.username, channel: 'email' });
  const { variables } = await lastMail(context, address);

  const captcha = await whileCaptchaIsAsked(() => WaitingFlow.begin(context, client));
  const passkey = await WaitingFlow.begin(context, client);
  return {
    flows: { captcha, code: code.flow, link: link.flow, paired: paired.flow, recoveryCode, recovery, passkey },
    values: {
      'authentication.captcha-challenge': formOf(captcha.page, 'challenge').fields['challenge'] ?? '',
      'authentication.sign-in-code': code.code,
      'authentication.magic-link': link.token,
      'authentication.link-code': /\b\d{8}\b/.exec(shown.text.replace(/<[^>]*>/g, ' '))?.[0] ?? '',
      'authentication.recovery-code': codes[0] ?? '',
      'authentication.recovery-link': lastPart(variables['link']),
      'authentication.address-code': variables['code'] ?? '',
      'authentication.passkey-challenge': /&quot;challenge&quot;:&quot;([\w-]+)&quot;/.exec(passkey.page.text)?.[1] ?? '',
    },
  };
}

const lastPart = (url = '') => url.split('/').at(-1) ?? '';

/** Not for longer: every other sign-in would be asked as well. */
async function whileCaptchaIsAsked<Result>(work: () => Promise<Result>): Promise<Result> {
  await server.api('PATCH', '/settings', { captcha: { ask: 'always' } });
  try {
    return await work();
  } finally {
    await server.api('PATCH', '/settings', { captcha: { ask: 'never' } });
  }
}

/** Two people at an identity source: one comes back to our pages, one to an application that draws its own. */
interface Trips {
  readonly browser: Browser;
  /** Where the source leads back to, with this state. */
  callback(state: string): string;
  readonly program: ApiProgram;
  readonly programFlowId: string;
}

async function mintTrips(): Promise<{ trips: Trips; values: Record<string, string> }> {
  const { desk } = outside;
  const client = await createClient(context, { oidc: { embeddedSignIn: { enabled: true, allowedOrigins: [] } } });
  const source = await createSource(context, {
    kind: 'oidc', name: `Partner ${randomUUID().slice(0, 8)}`, settings: vendor.settings(desk.base), secret: vendor.secret, applicationIds: [client.application.id], rules: { createUsers: true } });
  const callback = (there: URL, state = there.searchParams.get('state') ?? '') =>
    `${there.searchParams.get('redirect_uri') ?? ''}?${new URLSearchParams({ code: desk.issue(there), state, iss: desk.base }).toString()}`;

  const flow = await WaitingFlow.begin(context, client);
  const leaving = await flow.press('go_to_source', { credentialId: source.id });
  const there = new URL(/^0; url=(.*)$/.exec(leaving.headers.get('refresh') ?? '')?.[1] ?? '');
  const program = new ApiProgram(issuer, client);
  await program.start({ redirectUri });
  const { body } = await program.post('identity_source/prepare', { credentialId: source.id });
  const method = body.step?.methods?.find((each): each is { method: string; credentialId: string; data: { url: string } } => 'credentialId' in each && each.credentialId === source.id);
  const back = await createBrowser(server.origin).open(callback(new URL(method?.data.url ?? '')));
  const trip = await context.db.federationTrip.findFirstOrThrow({ where: { sourceId: source.id, browserId: null } });
  return {
    trips: { browser: flow.browser, callback: (state) => callback(there, state), program, programFlowId: trip.flowId },
    values: { 'federation.state': there.searchParams.get('state') ?? '', 'federation.source-code': new URL(back.url).searchParams.get('sourceCode') ?? '' },
  };
}

/** The client draws its own sign-in page. */
async function startOfProgram(client: TestClient): Promise<string> {
  await server.api('PATCH', `/applications/${client.application.id}`, { oidc: { embeddedSignIn: { enabled: true, allowedOrigins: [] } } });
  const started = await new ApiProgram(issuer, client).start();
  return started.body.flowId;
}

async function proof({ privateKey, publicJwk }: Minted['proofKey'], nonce: string): Promise<string> {
  return new SignJWT({ htm: 'POST', htu: `${issuer}/oauth2/token`, jti: randomUUID(), iat: Math.floor(Date.now() / 1000), nonce }).setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk: publicJwk }).sign(privateKey);
}

const bearer = async (url: string, value: string, init: RequestInit = {}) => (await fetch(url, { ...init, headers: { authorization: `Bearer ${encodeURI(value)}`, ...fromElsewhere(), ...init.headers } })).status;
const codeIn = (url: string) => URL.canParse(url) && new URL(url).searchParams.has('code');
const withCookie = (name: string, value: string, others: Browser) => ({
  cookie: [...others.cookies].filter(([key]) => key.split(' ')[0] !== name).map(([key, cookie]) => `${key.split(' ')[0] ?? ''}=${cookie.value}`).concat(`${name}=${value}`).join('; ') });

/** The places by the words of the registry; each says whether it took the value. Undefined: not one of ours. */
const intakes: Record<string, ((minted: Minted, value: string) => Promise<boolean>) | undefined> = {
  'browser cookie': async ({ waitingPage, waiting }, value) =>
    (await createBrowser(server.origin).request(waitingPage.url, { headers: withCookie(browserCookieName(context), value, waiting) })).text.includes('name="identifier"'),
  'session cookie': async ({ client, signedIn }, value) =>
    codeIn((await createBrowser(server.origin).request(authorizeUrl(issuer, client, createPkce(), { prompt: 'none' }), { headers: withCookie(sessionCookieName(context), value, signedIn.browser) })).headers.get('location') ?? ''),
  'sign-in page': async ({ waiting }, value) => (await waiting.request(`${issuer}/sign-in/${encodeURIComponent(value)}`)).text.includes('name="identifier"'),
  'sign-in page, field form_token': async ({ waiting, waitingPage }, value) => {
    const { fields } = formOf(waitingPage);
    const page = await waiting.open(waitingPage.url, { method: 'POST', headers: { origin: server.origin }, body: new URLSearchParams({ ...fields, identifier: 'somebody', formToken: value }) });
    return page.text.includes('type="password"');
  },
  'Authentication API, Authorization: Flow': async ({ client }, value) =>
    (await new ApiProgram(issuer, client).send('GET', '/flow', undefined, { authorization: `Flow ${encodeURI(value)}`, ...fromElsewhere() })).status === 200,
  'invitation page': async (_minted, value) => (await createBrowser(server.origin).request(`${issuer}/invitation/${encodeURIComponent(value)}`)).status === 303,
  'set-up page': async (_minted, value) => (await createBrowser(server.origin).request(`${issuer}/setup/${encodeURIComponent(value)}`)).status === 303,
  'the address it was posted to': async (_minted, value) => ((await createBrowser(server.origin).request(`${issuer}/oauth2/authorize?posted=${encodeURIComponent(value)}`)).headers.get('location') ?? '').includes('/sign-in/'),
  'userinfo endpoint': async (_minted, value) => await bearer(`${issuer}/oauth2/userinfo`, value) === 200,
  'token endpoint, grant authorization_code': async ({ client, signedIn }, value) => (await exchange(issuer, { client, pkce: signedIn.pkce, code: value })).status === 200,
  'token endpoint, grant refresh_token': async ({ client }, value) => (await post(issuer, 'token', { grant_type: 'refresh_token', refresh_token: value }, client)).status === 200,
  'token endpoint, grant device_code': async ({ television }, value) =>
    ['authorization_pending', 'slow_down'].includes(String((await post(issuer, 'token', { grant_type: deviceCodeGrant, client_id: television.clientId, device_code: value })).body['error'])),
  'device verification page': async ({ waiting }, value) => {
    const page = await waiting.open(`${issuer}/oauth2/device`);
    const { fields } = formOf(page, 'user_code');
    return (await waiting.request(`${issuer}/oauth2/device`, { method: 'POST', headers: fromElsewhere(), body: new URLSearchParams({ ...fields, user_code: value }) })).text.includes('name="confirm"');
  },
  'the resource server in aud': async ({ api }, value) => await bearer(`${issuer}/api/v1/users`, value) === 200
    || (await post(issuer, 'introspect', { token: value }, api)).body['active'] === true,
  'id_token_hint': async ({ signedIn, client }, value) => {
    const hinted = await signedIn.browser.request(authorizeUrl(issuer, client, createPkce(), { prompt: 'none', id_token_hint: value }));
    const signOut = await createBrowser(server.origin).request(`${issuer}/oauth2/logout?${new URLSearchParams({ id_token_hint: value, post_logout_redirect_uri: 'https://app.example.com/' }).toString()}`);
    return codeIn(hinted.headers.get('location') ?? '') || signOut.status === 303;
  },
  'authorization endpoint, request_uri': async ({ client }, value) =>
    ((await createBrowser(server.origin).request(`${issuer}/oauth2/authorize?${new URLSearchParams({ client_id: client.clientId, request_uri: value }).toString()}`)).headers.get('location') ?? '').includes('/sign-in/'),
  'authorization endpoint, resume': async ({ resumeBrowser }, value) => {
    const headers = withCookie('postern_resume_default', value, resumeBrowser);
    return codeIn((await createBrowser(server.origin).request(`${issuer}/oauth2/authorize/${encodeURIComponent(value)}`, { headers })).headers.get('location') ?? '');
  },
  'end-session endpoint, form_token': async ({ signedIn }, value) => {
    await signedIn.browser.request(`${issuer}/oauth2/logout`, { method: 'POST', body: new URLSearchParams({ decision: 'sign_out', form_token: value }) });
    return await findLiveSession(context, signedIn.browser.cookies.get(sessionCookieName(context))?.value) === undefined;
  },
  'DPoP proofs': async ({ client, proofKey }, value) => (await post(issuer, 'token', { grant_type: 'client_credentials' }, client, { dpop: await proof(proofKey, value) })).status === 200,
  'registration endpoint': async (_minted, value) =>
    await bearer(`${issuer}/oauth2/register`, value, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ redirect_uris: [redirectUri] }) }) === 201,
  'client configuration endpoint': async ({ registered }, value) => await bearer(`${issuer}/oauth2/register/${registered}`, value) === 200,
  'sign-in page and Authentication API, step captcha': async ({ flows }, value) =>
    (await whileCaptchaIsAsked(() => flows.captcha.press('captcha', { challenge: value, solution: solve({ challenge: value, difficulty: 8 }) }))).text.includes('name="identifier"'),
  'sign-in page, field code': async ({ flows }, value) => codeIn((await flows.code.press('otp_email.verify', { code: value })).url),
  // Link and code lie in one row: each is shown where the other one is alive.
  'sign-in link page, field token': async ({ flows: { link, paired }, values }, value) =>
    codeIn((await (value === values['authentication.magic-link'] ? link : paired).press('magic_link.verify', { token: value })).url)
    || (await createBrowser(server.origin).request(`${issuer}/link/${encodeURIComponent(value)}`)).status === 200,
  'sign-in page, field code of a link': async ({ flows: { link, paired }, values }, value) =>
    codeIn((await (value === values['authentication.link-code'] ? paired : link).press('magic_link.verify', { code: value })).url),
  'sign-in page, field code of a recovery code': async ({ flows }, value) => codeIn((await flows.recoveryCode.press('recovery_code.verify', { code: value })).url),
  'sign-in page, field code of an address': async ({ flows }, value) => (await flows.recovery.press('verify_recovery', { code: value })).text.includes('name="newPassword"'),
  // The challenge was taken when nothing but the passkey is unknown.
  'sign-in page, field credential': async ({ flows }, value) =>
    (await flows.passkey.press('webauthn.verify', { credential: new SoftwareAuthenticator(server.origin).get({ challenge: value, rpId: 'localhost' }) })).text.includes('data-unknown="yes"'),
  'recovery page': async (_minted, value) => (await createBrowser(server.origin).request(`${issuer}/recover/${encodeURIComponent(value)}`)).status === 303,
  'account page, field formToken': async ({ signedIn }, value) =>
    (await signedIn.browser.request(`${issuer}/account/profile`, { method: 'POST', headers: { origin: server.origin }, body: new URLSearchParams({ do: 'nothing', formToken: value }) })).status === 303,
  'callback of the identity source, parameter state': async ({ trips }, value) => (await trips.browser.request(trips.callback(value))).status === 303,
  'method identity_source, field sourceCode': async ({ trips: { program, programFlowId } }, value) => {
    await giveTries(context, programFlowId);
    return (await program.post('identity_source/verify', { sourceCode: value })).status === 200;
  },
  // Taken by applications and by the DNS.
  'the back-channel logout address of the application': undefined,
  'TXT record _postern-challenge of the host name': undefined,
};

describe('attack: token.purpose-confusion', () => {
  it('each kind is taken at its own place and nowhere else', async () => {
    const kinds = proofKinds(server.core);
    const minted = await mint();
    // A new kind needs a value, a new place an entry.
    expect(Object.keys(minted.values).toSorted()).toEqual(kinds.map(({ name }) => name).toSorted());
    expect(Object.keys(intakes).toSorted()).toEqual([...new Set(kinds.map(({ target }) => target))].toSorted());
    for (const { name } of kinds) expect([name, (minted.values[name] ?? '').length > 6]).toEqual([name, true]);

    const taken: string[] = [];
    const showAll = async (target: string) => {
      for (const { name, target: own } of kinds) {
        if (own !== target && await intakes[target]?.(minted, minted.values[name] ?? '')) taken.push(`${name} at: ${target}`);
      }
    };
    // Alone: it changes what all sign-ins ask for. No two of the others share what a wrong value could change.
    const captcha = 'sign-in page and Authentication API, step captcha';
    await showAll(captcha);
    const others = Object.keys(intakes).filter((target) => target !== captcha);
    await Promise.all(Array.from({ length: 4 }, async () => {
      for (let target = others.pop(); target !== undefined; target = others.pop()) await showAll(target);
    }));
    expect(taken).toEqual([]);

    // Each is still worth what it was: what refused it was its kind. Signing out comes last, for it ends the session.
    const last = (target: string) => Number(target === 'end-session endpoint, form_token');
    for (const { name, target } of [...kinds].sort((left, right) => last(left.target) - last(right.target))) {
      const intake = intakes[target];
      if (intake) expect([name, await intake(minted, minted.values[name] ?? '')]).toEqual([name, true]);
    }
  });

  it('a code, token or link is none of another client, user or flow', async () => {
    const mine = await authorizeCode(context);
    const theirs = await authorizeCode(context);
    expect((await exchange(issuer, { ...mine, code: theirs.code })).body['error']).toBe('invalid_grant');
    expect((await exchange(issuer, mine, { redirect_uri: 'https://app.example.com/other' })).body['error']).toBe('invalid_grant');
    const [first, second] = [createBrowser(server.origin), createBrowser(server.origin)];
    const [one, two] = [await first.open(authorizeUrl(issuer, mine.client, createPkce())), await second.open(authorizeUrl(issuer, mine.client, createPkce()))];
    const crossed = await first.request(one.url, { method: 'POST', headers: { origin: server.origin }, body: new URLSearchParams({ ...formOf(two).fields, identifier: 'somebody' }) });
    expect(crossed.status).toBe(400);
  });
});

/** Its flow webhook answers nobody, and would end the sign-ins of all who come later. */
async function createQuietWorld(): Promise<World> {
  const world = await createWorld(server, context);
  expect((await server.api('DELETE', `/flow-hooks/${world.parameters['hookId'] ?? ''}`)).status).toBe(204);
  return world;
}

describe('attack: token.revocation-sticks', () => {
  it('a machine whose application is disabled, deleted or without its grant gets and keeps nothing', async () => {
    for (const change of ['disable', 'delete'] as const) {
      const world = await createQuietWorld();
      expect(await bearer(`${issuer}/api/v1/users`, world.token)).toBe(200);
      const path = `/applications/${world.machine.application.id}`;
      expect((await server.api(change === 'disable' ? 'POST' : 'DELETE', change === 'disable' ? `${path}/disable` : path)).status).toBe(change === 'disable' ? 200 : 204);
      await expect.poll(() => bearer(`${issuer}/api/v1/users`, world.token), { timeout: 1_000 }).toBe(401);
      expect((await post(issuer, 'token', { grant_type: 'client_credentials' }, world.machine)).body['error']).toBe('invalid_client');
      expect((await post(issuer, 'introspect', { token: world.token }, world.machine)).status).toBe(401);
    }
    const world = await createQuietWorld();
    const management = await context.db.applicationResource.findFirstOrThrow({ where: { applicationId: world.machine.application.id } });
    expect((await server.api('DELETE', `/applications/${world.machine.application.id}/resource-grants/${management.resourceServerId}`)).status).toBe(204);
    expect((await post(issuer, 'token', { grant_type: 'client_credentials', resource: `${issuer}/api/v1` }, world.machine)).body['error']).toBe('invalid_target');
  });

  const changes: Record<string, (userId: string) => Promise<{ status: number }>> = {
    disabled: (userId) => server.api('POST', `/users/${userId}/disable`),
    locked: (userId) => server.api('POST', `/users/${userId}/lock`),
    deleted: (userId) => server.api('DELETE', `/users/${userId}`),
    'signed out everywhere': (userId) => server.api('DELETE', `/users/${userId}/sessions`),
    'given another password': (userId) => server.api('PUT', `/users/${userId}/password`, { password: 'another marmalade 99 engine' }),
  };

  it('a person stops at every door, within a second, on both servers', async () => {
    const replica = await server.replica();
    try {
      for (const [change, apply] of Object.entries(changes)) {
        const client = await createClient(context);
        const signedIn = await authorizeCode(context, { client });
        const { body } = await exchange(issuer, signedIn);
        const waiting = await signedIn.browser.open(authorizeUrl(issuer, client, createPkce(), { prompt: 'login' }));
        expect((await apply(signedIn.person.user.id)).status).toBeLessThan(300);

        for (const { listener } of [server, replica]) {
          const at = `${listener}/t/default`;
          const host = { host: new URL(server.origin).host };
          const browser = createBrowser(listener);
          await expect.poll(async () => (await browser.request(`${at}/oauth2/userinfo`, { headers: { ...host, authorization: `Bearer ${String(body['access_token'])}` } })).status, { timeout: 1_000, message: change }).toBe(401);
          const silent = await browser.request(authorizeUrl(at, client, createPkce(), { prompt: 'none' }), { headers: { ...host, ...withCookie('', '', signedIn.browser) } });
          expect([change, new URL(silent.headers.get('location') ?? '').searchParams.get('error')]).toEqual([change, 'login_required']);
          const introspected = await browser.request(`${at}/oauth2/introspect`, { method: 'POST', body: new URLSearchParams({ token: String(body['access_token']) }), headers: { ...host, authorization: `Basic ${btoa(`${client.clientId}:${client.secret}`)}` } });
          expect([change, introspected.text]).toEqual([change, '{"active":false}']);
        }
        const refreshed = await post(issuer, 'token', { grant_type: 'refresh_token', refresh_token: String(body['refresh_token']) }, client);
        expect([change, refreshed.body['error']]).toEqual([change, 'invalid_grant']);
        // A sign-in under way ends there too, unless the account may begin anew.
        const after = await signIn(signedIn.browser, await signedIn.browser.open(waiting.url), signedIn.person);
        expect([change, codeIn(after.url)]).toEqual([change, change === 'signed out everywhere']);
      }
    } finally {
      await replica.close();
    }
  });

  it('nothing of a suspended or deleted instance is served, wherever it was known before', async () => {
    const made = await createInstance(server.core, { id: `gone-${randomUUID().slice(0, 8)}`, name: 'Gone' }, { principal: { kind: 'system' } });
    const world = await createWorld(server, made);
    const signedIn = await authorizeCode(world.context, { client: world.client, person: world.person, browser: world.browser });
    const { body } = await exchange(world.issuer, signedIn);
    const token = await server.managementToken(`${server.origin}/platform/v1`);
    const platform = (method: string, path: string) => fetch(`${server.origin}/platform/v1/instances/${made.instance.id}${path}`, { method, headers: { authorization: `Bearer ${token}` } });
    const doors = async () => [
      await bearer(`${world.issuer}/api/v1/users`, world.token),
      await bearer(`${world.issuer}/oauth2/userinfo`, String(body['access_token'])),
      (await post(world.issuer, 'token', { grant_type: 'refresh_token', refresh_token: String(body['refresh_token']) }, world.client)).status,
      (await post(world.issuer, 'token', { grant_type: 'client_credentials' }, world.machine)).status,
      (await post(world.issuer, 'introspect', { token: String(body['access_token']) }, world.client)).status,
      (await world.browser.request(authorizeUrl(world.issuer, world.client, createPkce()))).status,
      (await world.browser.request(`${world.issuer}/sign-in/${world.parameters['flowId'] ?? ''}`)).status,
      (await fetch(`${world.issuer}/oauth2/jwks`)).status,
    ];
    expect((await platform('POST', '/suspend')).status).toBe(200);
    expect(new Set(await doors())).toEqual(new Set([403]));
    expect((await platform('POST', '/resume')).status).toBe(200);
    expect(await bearer(`${world.issuer}/api/v1/users`, world.token)).toBe(200);
    expect((await platform('DELETE', '')).status).toBe(204);
    expect(new Set(await doors())).toEqual(new Set([404]));
  });
});

describe('attack: oauth.resource-unknown', () => {
  it('a token made for one API is refused by every other place that takes tokens', async () => {
    const { values } = await mint();
    for (const name of ['oauth.machine-token', 'oauth.access-token', 'oauth.id-token', 'oauth.refresh-token']) {
      expect([name, await bearer(`${issuer}/api/v1/users`, values[name] ?? '')]).toEqual([name, 401]);
      expect([name, await bearer(`${server.origin}/platform/v1/instances`, values[name] ?? '')]).toEqual([name, 401]);
    }
    const stranger = await createClient(context);
    for (const [name, value] of Object.entries(values)) {
      const { body } = await post(issuer, 'introspect', { token: value }, stranger);
      // A JWT is checked by its API itself; nobody is told of it here.
      expect([name, body['active'] ?? body['error']]).toEqual([name, value.split('.').length === 3 && value.startsWith('ey') ? 'unsupported_token_type' : false]);
    }
  });
});
