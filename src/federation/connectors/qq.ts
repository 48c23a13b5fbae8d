import { z } from 'zod';
import { call, codeOf, need, nonZero, subject, textOf, withQuery } from './calls.ts';
import { type Connector, ConnectorFailure } from './connector.ts';
import { endpoints, identifier } from './fields.ts';

const settings = z.strictObject({ appId: identifier, endpoints: endpoints({ graph: 'https://graph.qq.com' }) });
type Settings = z.infer<typeof settings>;

export const qq: Connector<Settings> = {
  kind: 'qq', label: 'QQ', settings, secret: 'required',
  secretIsFor: ({ appId, endpoints: { graph } }) => [appId, graph],
  async authorizeUrl(_world, { settings: { appId, endpoints: { graph } } }, { state, redirectUri }) {
    return withQuery(`${graph}/oauth2.0/authorize`, { response_type: 'code', client_id: appId, redirect_uri: redirectUri, state, scope: 'get_user_info,get_unionId' });
  },
  async identify(world, { settings: { appId, endpoints: { graph } }, secret }, arrival) {
    const tokens = await call(world, `${graph}/oauth2.0/token`, {
      check: 'code_exchange', errorIn: nonZero('error'),
      query: { grant_type: 'authorization_code', client_id: appId, client_secret: need(secret, 'configuration', 'secret'), code: codeOf(arrival, 'code'), redirect_uri: arrival.redirectUri, fmt: 'json' } });
    const token = need(textOf(tokens, 'access_token'), 'code_exchange', 'access_token');
    const me = await call(world, `${graph}/oauth2.0/me`, { check: 'profile', errorIn: nonZero('error'), query: { access_token: token, unionid: '1', fmt: 'json' } });
    // The token must be ours, not one that another application was given.
    if (textOf(me, 'client_id') !== appId) throw new ConnectorFailure('subject', 'client_id');
    const openId = need(textOf(me, 'openid'), 'subject', 'openid');
    const unionId = textOf(me, 'unionid');
    const person = await call(world, `${graph}/user/get_user_info`, { check: 'profile', errorIn: nonZero('ret'), query: { access_token: token, oauth_consumer_key: appId, openid: openId } });
    const byApp = subject('openid', appId, openId);
    return { subjects: unionId === undefined ? [byApp] : [subject('unionid', unionId), byApp], displayName: textOf(person, 'nickname') };
  },
};
