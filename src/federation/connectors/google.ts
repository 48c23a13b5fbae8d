import { z } from 'zod';
import { need, subject } from './calls.ts';
import { type ConnectedSource, type Connector, ConnectorFailure } from './connector.ts';
import { address, identifier } from './fields.ts';
import { isTrue, oidcAuthorizeUrl, oidcClaims, type Provider, standardIdentity, textClaim } from './oidc.ts';

const settings = z.strictObject({
  clientId: identifier,
  hostedDomain: z.string().regex(/^[a-z0-9.-]{3,253}$/).nullable().default(null).describe('Only people of this Google Workspace.'),
  issuer: address.default('https://accounts.google.com'),
});
type Settings = z.infer<typeof settings>;

const providerOf = ({ settings: { clientId, issuer }, secret }: ConnectedSource<Settings>): Provider =>
  ({ issuer, clientId, secret, authentication: 'client_secret_post', scopes: ['openid', 'profile', 'email'], pkce: true });

export const google: Connector<Settings> = {
  kind: 'google', label: 'Google', settings, secret: 'required', provesMailboxes: true,
  secretIsFor: ({ clientId, issuer }) => [clientId, issuer],
  authorizeUrl: (world, source, departure) => oidcAuthorizeUrl(world, source, providerOf(source), departure, { hd: source.settings.hostedDomain ?? undefined }),
  async identify(world, source, arrival) {
    const claims = await oidcClaims(world, source, providerOf(source), arrival);
    const domain = textClaim(claims, 'hd');
    // The parameter only shapes the account chooser; the claim decides.
    if (source.settings.hostedDomain !== null && domain?.toLowerCase() !== source.settings.hostedDomain) throw new ConnectorFailure('not_admitted', 'hosted_domain');
    const identity = standardIdentity(claims, subject('sub', need(textClaim(claims, 'sub'), 'subject', 'sub')));
    const email = textClaim(claims, 'email');
    // A consumer account on an address of somebody else was verified once, and may have been lost since.
    const keepsMailbox = email !== undefined && (/@g(oogle)?mail\.com$/i.test(email) || (domain !== undefined && email.toLowerCase().endsWith(`@${domain.toLowerCase()}`)));
    return { ...identity, email: email === undefined ? undefined : { address: email, verified: keepsMailbox && isTrue(claims['email_verified']) } };
  },
};
