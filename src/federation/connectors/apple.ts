import { createPrivateKey } from 'node:crypto';
import { SignJWT } from 'jose';
import { z } from 'zod';
import { need, subject } from './calls.ts';
import { type ConnectedSource, type Connector, ConnectorFailure, type World } from './connector.ts';
import { address, identifier } from './fields.ts';
import { oidcAuthorizeUrl, oidcClaims, type Provider, standardIdentity, textClaim } from './oidc.ts';

const settings = z.strictObject({
  clientId: identifier.describe('The Services ID.'),
  teamId: z.string().regex(/^[A-Z0-9]{10}$/, 'must be 10 capital letters and digits'),
  keyId: z.string().regex(/^[A-Z0-9]{10}$/, 'must be 10 capital letters and digits'),
  issuer: address.default('https://appleid.apple.com'),
});
type Settings = z.infer<typeof settings>;

const secretSeconds = 300;

function readKey(pem: string) {
  const key = createPrivateKey(pem);
  if (key.asymmetricKeyType !== 'ec' || key.asymmetricKeyDetails?.namedCurve !== 'prime256v1') throw new Error('not P-256');
  return key;
}

/** The client secret is a statement of our own, signed with the key that Apple gave out. */
async function providerOf(world: World, { settings: { clientId, teamId, keyId, issuer }, secret }: ConnectedSource<Settings>): Promise<Provider> {
  const now = Math.floor(world.now().getTime() / 1_000);
  const signed = await new SignJWT({}).setProtectedHeader({ alg: 'ES256', kid: keyId })
    .setIssuer(teamId).setSubject(clientId).setAudience(issuer).setIssuedAt(now).setExpirationTime(now + secretSeconds)
    .sign(readKey(need(secret, 'configuration', 'private_key')));
  return { issuer, clientId, secret: signed, authentication: 'none', scopes: ['openid', 'name', 'email'], pkce: false };
}

export const apple: Connector<Settings> = {
  kind: 'apple', label: 'Apple', settings, secret: 'required', provesMailboxes: true, answersByPost: true,
  checkSecret(pem) {
    try {
      readKey(pem);
      return undefined;
    } catch {
      return 'must be the text of the .p8 file: a private key on P-256';
    }
  },
  secretIsFor: ({ clientId, teamId, keyId, issuer }) => [clientId, teamId, keyId, issuer],
  async authorizeUrl(world, source, departure) {
    return oidcAuthorizeUrl(world, source, await providerOf(world, source), departure, { response_mode: 'form_post' });
  },
  async identify(world, source, arrival) {
    const provider = await providerOf(world, source);
    const claims = await oidcClaims(world, source, provider, arrival, { exchange: { client_secret: need(provider.secret, 'configuration', 'secret') } });
    const identity = standardIdentity(claims, subject('sub', source.settings.teamId, need(textClaim(claims, 'sub'), 'subject', 'sub')));
    return { ...identity, ...nameOf(arrival.parameters['user']) };
  },
};

/** Sent once, unsigned, by way of the browser: good for a name to begin with, and nothing else. */
function nameOf(user: string | undefined): { givenName?: string; familyName?: string } {
  const read = z.object({ name: z.object({ firstName: z.string().max(80).optional(), lastName: z.string().max(80).optional() }) });
  if (user === undefined || user.length > 2_000) return {};
  try {
    const { name } = read.parse(JSON.parse(user));
    return { ...(name.firstName && { givenName: name.firstName }), ...(name.lastName && { familyName: name.lastName }) };
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof z.ZodError) return {};
    throw new ConnectorFailure('answer', 'user');
  }
}
