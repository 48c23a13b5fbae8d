import { z } from 'zod';
import { call, codeOf, need, shortCode, subject, textOf, withQuery, type Body } from './calls.ts';
import { type Connector, ConnectorFailure } from './connector.ts';
import { endpoints, identifier } from './fields.ts';

const settings = z.strictObject({
  clientId: identifier.describe('AppKey.'),
  corpId: identifier.nullable().default(null).describe('Only people of this organization.'),
  endpoints: endpoints({ login: 'https://login.dingtalk.com', api: 'https://api.dingtalk.com' }),
});
type Settings = z.infer<typeof settings>;

/** `{ "code": "invalidCode", "message": … }`, and what its firewall says of a network that asks too often. */
const errorIn = (body: Body): string | undefined => {
  const code = textOf(body, 'code') ?? (textOf(body, 'status') === '1111' ? 'rate_limited' : undefined);
  return code === undefined ? undefined : shortCode(code);
};

export const dingtalk: Connector<Settings> = {
  kind: 'dingtalk', label: 'DingTalk', settings, secret: 'required',
  secretIsFor: ({ clientId, endpoints: { login, api } }) => [clientId, login, api],
  async authorizeUrl(_world, { settings: { clientId, corpId, endpoints: { login } } }, { state, redirectUri }) {
    return withQuery(`${login}/oauth2/auth`, {
      redirect_uri: redirectUri, response_type: 'code', client_id: clientId, scope: corpId === null ? 'openid' : 'openid corpid', state, prompt: 'consent',
      ...(corpId !== null && { exclusiveLogin: 'true', exclusiveCorpId: corpId }) });
  },
  async identify(world, { settings: { clientId, corpId, endpoints: { api } }, secret }, arrival) {
    const tokens = await call(world, `${api}/v1.0/oauth2/userAccessToken`, {
      check: 'code_exchange', errorIn,
      json: { clientId, clientSecret: need(secret, 'configuration', 'secret'), code: codeOf(arrival, 'authCode', 'code'), grantType: 'authorization_code' } });
    if (corpId !== null && textOf(tokens, 'corpId') !== corpId) throw new ConnectorFailure('not_admitted', 'corp_id');
    const person = await call(world, `${api}/v1.0/contact/users/me`, {
      check: 'profile', errorIn, headers: { 'x-acs-dingtalk-access-token': need(textOf(tokens, 'accessToken'), 'code_exchange', 'access_token') } });
    const email = textOf(person, 'email');
    const mobile = textOf(person, 'mobile');
    const region = textOf(person, 'stateCode');
    const openId = textOf(person, 'openId');
    const unionId = need(textOf(person, 'unionId'), 'subject', 'union_id');
    return {
      subjects: [subject('unionid', unionId), ...(openId === undefined ? [] : [subject('openid', clientId, openId)])],
      displayName: textOf(person, 'nick'),
      email: email === undefined ? undefined : { address: email, verified: false },
      // The account's own number; masked ones (155****3240) are none.
      phone: mobile !== undefined && region !== undefined && /^\d{5,15}$/.test(mobile) ? { number: `+${region}${mobile}`, verified: true } : undefined,
    };
  },
};
