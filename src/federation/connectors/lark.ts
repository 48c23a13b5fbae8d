/** Lark, and Feishu in China: one product at two addresses. */
import { z } from 'zod';
import { call, codeOf, need, nonZero, objectOf, oauthError, subject, textOf, withQuery, type Body } from './calls.ts';
import { type Arrival, type ConnectedSource, type Connector, ConnectorFailure, type OutsideIdentity, type World } from './connector.ts';
import { endpoints, identifier } from './fields.ts';

const settingsFor = (domain: string) => z.strictObject({
  appId: identifier,
  tenantKey: identifier.nullable().default(null).describe('Only people of this organization.'),
  endpoints: endpoints({ accounts: `https://accounts.${domain}`, api: `https://open.${domain}` }),
});
type Settings = z.infer<ReturnType<typeof settingsFor>>;

/** The number says more than the OAuth error beside it. */
const errorIn = (body: Body) => nonZero('code')(body) ?? oauthError(body);

async function identify(world: World, { settings: { appId, tenantKey, endpoints: { accounts, api } }, secret }: ConnectedSource<Settings>, arrival: Arrival): Promise<OutsideIdentity> {
  const tokens = await call(world, `${accounts}/oauth/v3/token`, {
    check: 'code_exchange', errorIn,
    json: {
      grant_type: 'authorization_code', client_id: appId, client_secret: need(secret, 'configuration', 'secret'),
      code: codeOf(arrival, 'code'), redirect_uri: arrival.redirectUri, code_verifier: arrival.codeVerifier,
    } });
  const answer = await call(world, `${api}/open-apis/authen/v1/user_info`, {
    check: 'profile', errorIn: nonZero('code'), headers: { authorization: `Bearer ${need(textOf(tokens, 'access_token'), 'code_exchange', 'access_token')}` } });
  const person = objectOf(answer, 'data');
  if (tenantKey !== null && textOf(person, 'tenant_key') !== tenantKey) throw new ConnectorFailure('not_admitted', 'tenant_key');
  const unionId = textOf(person, 'union_id');
  const byApp = subject('openid', appId, need(textOf(person, 'open_id'), 'subject', 'open_id'));
  // Both are entered by administrators and not verified by the person.
  const email = textOf(person, 'enterprise_email') ?? textOf(person, 'email');
  const mobile = textOf(person, 'mobile');
  return {
    subjects: unionId === undefined ? [byApp] : [subject('unionid', unionId), byApp],
    displayName: textOf(person, 'name'),
    email: email === undefined ? undefined : { address: email, verified: false },
    phone: mobile === undefined ? undefined : { number: mobile, verified: false },
  };
}

const connector = (kind: string, label: string, domain: string): Connector<Settings> => ({
  kind, label, settings: settingsFor(domain), secret: 'required', identify,
  secretIsFor: ({ appId, endpoints: { accounts, api } }) => [appId, accounts, api],
  authorizeUrl: async (_world, { settings: { appId, endpoints: { accounts } } }, { state, redirectUri, codeChallenge }) => withQuery(`${accounts}/open-apis/authen/v1/authorize`, {
    client_id: appId, response_type: 'code', redirect_uri: redirectUri, state, code_challenge: codeChallenge, code_challenge_method: 'S256' }),
});

export const lark = connector('lark', 'Lark', 'larksuite.com');
export const feishu = connector('feishu', 'Feishu', 'feishu.cn');
