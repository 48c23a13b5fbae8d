import { z } from 'zod';
import { need, subject } from './calls.ts';
import { type ConnectedSource, type Connector, ConnectorFailure } from './connector.ts';
import { address, identifier } from './fields.ts';
import { oidcAuthorizeUrl, oidcClaims, type Provider, standardIdentity, textClaim } from './oidc.ts';

/** One tenant, by its number: the answers of `common` would have to be taken from any tenant of the world. */
const settings = z.strictObject({
  tenantId: z.guid().toLowerCase().describe('Directory (tenant) ID.'),
  clientId: identifier.describe('Application (client) ID.'),
  authority: address.default('https://login.microsoftonline.com').describe('Of a national cloud, another one: https://login.partner.microsoftonline.cn.'),
});
type Settings = z.infer<typeof settings>;

const providerOf = ({ settings: { tenantId, clientId, authority }, secret }: ConnectedSource<Settings>): Provider =>
  ({ issuer: `${authority}/${tenantId}/v2.0`, clientId, secret, authentication: 'client_secret_post', scopes: ['openid', 'profile', 'email'], pkce: true });

export const microsoft: Connector<Settings> = {
  kind: 'microsoft', label: 'Microsoft', settings, secret: 'required',
  secretIsFor: ({ tenantId, clientId, authority }) => [tenantId, clientId, authority],
  authorizeUrl: (world, source, departure) => oidcAuthorizeUrl(world, source, providerOf(source), departure),
  async identify(world, source, arrival) {
    const claims = await oidcClaims(world, source, providerOf(source), arrival);
    const tenant = need(textClaim(claims, 'tid'), 'subject', 'tid').toLowerCase();
    if (tenant !== source.settings.tenantId) throw new ConnectorFailure('not_admitted', 'tenant');
    const identity = standardIdentity(claims, subject('oid', tenant, need(textClaim(claims, 'oid'), 'subject', 'oid').toLowerCase()));
    // Administrators of the tenant type any address; only this claim says that its domain is theirs.
    const owned = [true, 1, '1', 'true'].includes(claims['xms_edov'] as never);
    return { ...identity, email: identity.email && { address: identity.email.address, verified: owned } };
  },
};
