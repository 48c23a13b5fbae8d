/** OpenID Connect, plain OAuth 2.0, and the vendors that speak them. */
import { generateKeyPairSync } from 'node:crypto';
import { exportJWK, generateKeyPair, type JWTPayload, jwtVerify, SignJWT } from 'jose';
import { type Asked, type Desk, type Grant, notFound, type Said, type Vendor } from './vendor.ts';

const secret = 'vendor-secret-of-the-application';
const keys = await generateKeyPair('RS256');
const strangersKeys = await generateKeyPair('RS256');
const applesKey = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const tenant = '11111111-2222-3333-4444-555555555555';

interface Shape {
  readonly kind: Vendor['kind'];
  readonly settings: Vendor['settings'];
  readonly claims: (desk: Desk) => JWTPayload;
  readonly subjects: Vendor['subjects'];
  readonly email: Vendor['email'];
  readonly issuerPath?: string;
  readonly secret?: string;
  readonly pkce?: boolean;
  /** Undefined: with `secret`, in the header or the body. */
  readonly authenticate?: (asked: Asked, desk: Desk) => Promise<boolean>;
}

/** `claims` of the desk override; null takes one out. `_key`: signed by a stranger; `_alg`: `none`. */
async function idToken(desk: Desk, shape: Shape, grant: Grant): Promise<string> {
  const { _key, _alg, ...overrides } = desk.claims;
  const now = Math.floor(Date.now() / 1_000);
  const claims = Object.fromEntries(Object.entries({
    iss: `${desk.base}${shape.issuerPath ?? ''}`, aud: 'the-client', iat: now, exp: now + 3_600, ...(grant.nonce !== undefined && { nonce: grant.nonce }), ...shape.claims(desk), ...overrides,
  }).filter(([, value]) => value !== null));
  if (_alg === 'none') return `${[{ alg: 'none' }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')}.`;
  return new SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid: 'k1' }).sign((_key === 'stranger' ? strangersKeys : keys).privateKey);
}

function hasSecret({ headers, body }: Asked): boolean {
  // RFC 6749 §2.3.1: both parts are encoded as in a form.
  const basic = Buffer.from((headers.authorization ?? '').replace(/^Basic /, ''), 'base64').toString('utf8').split(':').map((part) => new URLSearchParams(`v=${part}`).get('v'));
  return (basic[0] === 'the-client' && basic[1] === secret) || (body['client_id'] === 'the-client' && body['client_secret'] === secret);
}

const openId = (shape: Shape): Vendor => ({
  kind: shape.kind, settings: shape.settings, secret: shape.secret ?? secret, codeName: 'code', pkce: shape.pkce ?? true, subjects: shape.subjects, email: shape.email, usedCode: 'invalid_grant',
  async answer(asked, desk): Promise<Said> {
    const issuer = `${desk.base}${shape.issuerPath ?? ''}`;
    switch (asked.path.slice((shape.issuerPath ?? '').length)) {
      case '/.well-known/openid-configuration': return { body: {
        issuer, authorization_endpoint: `${issuer}/authorize`, token_endpoint: `${issuer}/token`, jwks_uri: `${issuer}/keys`, userinfo_endpoint: `${issuer}/userinfo`,
        response_types_supported: ['code'], subject_types_supported: ['public'], id_token_signing_alg_values_supported: ['RS256'], authorization_response_iss_parameter_supported: shape.kind === 'oidc' } };
      case '/keys': return { body: { keys: [{ ...await exportJWK(keys.publicKey), kid: 'k1', alg: 'RS256', use: 'sig' }] } };
      case '/token': {
        if (!(shape.authenticate ? await shape.authenticate(asked, desk) : hasSecret(asked))) return { status: 401, body: { error: 'invalid_client' } };
        const grant = desk.take(asked.body['code'], { verifier: asked.body['code_verifier'], redirectUri: asked.body['redirect_uri'] });
        if (!grant) return { status: 400, body: { error: 'invalid_grant', error_description: 'Bad Request' } };
        return { body: { access_token: 'OT', token_type: 'Bearer', expires_in: 3599, scope: 'openid', id_token: await idToken(desk, shape, grant) } };
      }
      // The person says yes at once; what goes back by POST goes through a page of the vendor, as Apple's does.
      case '/authorize': {
        const code = desk.issue(new URL(`${issuer}/authorize?${new URLSearchParams(asked.query).toString()}`));
        const fields = Object.entries({ code, state: asked.query['state'] ?? '' }).map(([name, value]) => `<input type="hidden" name="${name}" value="${value}">`).join('');
        return { type: 'text/html', body: `<!doctype html><title>Vendor</title><form method="post" action="${asked.query['redirect_uri'] ?? ''}">${fields}</form><script>document.forms[0].submit()</script>` };
      }
      case '/userinfo': return { body: { sub: desk.claims['sub'] ?? 'person-1', email: 'pat@example.com', email_verified: true, ...desk.profile } };
      default: return notFound;
    }
  },
});

/** The client secret is a JWT of ours (ES256). */
async function isApplesClient({ body }: Asked, desk: Desk): Promise<boolean> {
  const checked = await jwtVerify(body['client_secret'] ?? '', applesKey.publicKey, { algorithms: ['ES256'], issuer: 'TEAM123456', subject: 'the-client', audience: desk.base }).catch(() => undefined);
  return checked?.protectedHeader.kid === 'KEY1234567' && body['client_id'] === 'the-client';
}

const github: Vendor = {
  kind: 'github', secret, codeName: 'code', pkce: true, subjects: ['id:583231'], email: { address: 'octocat@example.com', verified: true }, usedCode: 'bad_verification_code',
  settings: (base) => ({ clientId: 'the-client', endpoints: { site: base, api: `${base}/api/v3` } }),
  answer(asked, desk): Said {
    const { path, body, headers } = asked;
    if (path === '/login/oauth/access_token') {
      // With HTTP 200, and as a form unless JSON is asked for.
      const say = (answer: Record<string, string>): Said => (headers.accept === 'application/json' ? { body: answer } : { type: 'application/x-www-form-urlencoded', body: new URLSearchParams(answer).toString() });
      if (!hasSecret(asked)) return say({ error: 'incorrect_client_credentials', error_description: 'text' });
      return say(desk.take(body['code'], { verifier: body['code_verifier'], redirectUri: body['redirect_uri'] })
        ? { access_token: 'gho_1', scope: 'read:user,user:email', token_type: 'bearer' } : { error: 'bad_verification_code', error_description: 'The code passed is incorrect or expired.' });
    }
    if (headers['user-agent'] === undefined) return { status: 403, body: { message: 'Request forbidden by administrative rules.' } };
    if (desk.fault === 'profile' || headers.authorization !== 'Bearer gho_1') return { status: 401, body: { message: 'Bad credentials', documentation_url: 'x', status: '401' } };
    if (path === '/api/v3/user') return { body: { login: 'octocat', id: 583231, node_id: 'x', type: 'User', name: 'The Octocat', email: 'shown@elsewhere.example', ...desk.profile } };
    if (path !== '/api/v3/user/emails') return notFound;
    return { body: [{ email: 'first@example.com', primary: false, verified: true, visibility: null }, { email: 'octocat@example.com', primary: true, verified: desk.claims['verified'] ?? true, visibility: 'private' }] };
  },
};

const oauth2: Vendor = {
  kind: 'oauth2', secret, codeName: 'code', pkce: true, subjects: ['sub:42'], email: { address: 'pat@example.com', verified: true }, usedCode: 'invalid_grant',
  settings: (base) => ({
    clientId: 'the-client', authorizationEndpoint: `${base}/authorize`, tokenEndpoint: `${base}/token`, userinfoEndpoint: `${base}/me`, authentication: 'client_secret_basic', scopes: ['profile'],
    fields: { subject: 'data.id', displayName: 'data.name', email: 'data.mail.address', emailVerified: 'data.mail.confirmed' } }),
  answer(asked, desk): Said {
    const { path, body, headers } = asked;
    if (path === '/token') {
      if (!hasSecret(asked)) return { status: 401, body: { error: 'invalid_client' } };
      return desk.take(body['code'], { verifier: body['code_verifier'], redirectUri: body['redirect_uri'] }) ? { body: { access_token: 'GT', token_type: 'bearer' } } : { status: 400, body: { error: 'invalid_grant' } };
    }
    if (path !== '/me') return notFound;
    if (desk.fault === 'profile' || headers.authorization !== 'Bearer GT') return { status: 401, body: { error: 'invalid_token' } };
    return { body: { data: { id: 42, name: 'Pat', mail: { address: 'pat@example.com', confirmed: true }, ...desk.profile } } };
  },
};

export const openIdVendors: readonly Vendor[] = [
  openId({
    kind: 'oidc', settings: (base) => ({ issuer: base, clientId: 'the-client' }),
    claims: () => ({ sub: 'person-1', name: 'Pat' }), subjects: ['sub:person-1'], email: { address: 'pat@example.com', verified: true } }),
  openId({
    kind: 'google', settings: (base) => ({ issuer: base, clientId: 'the-client', hostedDomain: 'example.com' }),
    claims: () => ({ sub: '1101691501', email: 'pat@example.com', email_verified: true, hd: 'example.com', name: 'Pat' }), subjects: ['sub:1101691501'], email: { address: 'pat@example.com', verified: true } }),
  openId({
    kind: 'microsoft', issuerPath: `/${tenant}/v2.0`, settings: (base) => ({ authority: base, tenantId: tenant, clientId: 'the-client' }),
    claims: () => ({ sub: 'pairwise', tid: tenant, oid: 'ABCD-1', preferred_username: 'pat@contoso.example', email: 'pat@contoso.example', ver: '2.0' }), subjects: [`oid:${tenant}:abcd-1`], email: { address: 'pat@contoso.example', verified: false } }),
  openId({
    kind: 'apple', settings: (base) => ({ issuer: base, clientId: 'the-client', teamId: 'TEAM123456', keyId: 'KEY1234567' }), pkce: false,
    secret: applesKey.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), authenticate: isApplesClient,
    claims: () => ({ sub: '001234.abc', email: 'x1y2@privaterelay.appleid.com', email_verified: 'true', is_private_email: 'true' }), subjects: ['sub:TEAM123456:001234.abc'], email: { address: 'x1y2@privaterelay.appleid.com', verified: true } }),
];
export const westernVendors: readonly Vendor[] = [...openIdVendors, github, oauth2];
