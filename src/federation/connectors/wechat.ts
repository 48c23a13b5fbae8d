/** WeChat: the QR code of the Open Platform for websites, and the Official Account for pages inside of WeChat. */
import { z } from 'zod';
import { call, codeOf, need, nonZero, subject, textOf } from './calls.ts';
import { type Arrival, type ConnectedSource, type Connector, ConnectorFailure, type Departure, type OutsideIdentity, type World } from './connector.ts';
import { endpoints, identifier } from './fields.ts';

const settings = z.strictObject({
  appId: identifier,
  endpoints: endpoints({ site: 'https://open.weixin.qq.com', api: 'https://api.weixin.qq.com' }),
});
type Settings = z.infer<typeof settings>;

const secretIsFor = ({ appId, endpoints: { site, api } }: Settings) => [appId, site, api];

/** Official accounts check the order of the parameters, and the fragment is mandatory. */
function authorizeUrl(path: string, scope: string, { appId, endpoints: { site } }: Settings, { state, redirectUri }: Departure): URL {
  const query = [['appid', appId], ['redirect_uri', redirectUri], ['response_type', 'code'], ['scope', scope], ['state', state]] as const;
  return new URL(`${site}${path}?${query.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join('&')}#wechat_redirect`);
}

async function identify(world: World, { settings: { appId, endpoints: { api } }, secret }: ConnectedSource<Settings>, arrival: Arrival): Promise<OutsideIdentity> {
  const errorIn = nonZero('errcode');
  const tokens = await call(world, `${api}/sns/oauth2/access_token`, {
    check: 'code_exchange', errorIn,
    query: { appid: appId, secret: need(secret, 'configuration', 'secret'), code: codeOf(arrival, 'code'), grant_type: 'authorization_code' } });
  // The account of a "snapshot page" is made up for one visit.
  if (textOf(tokens, 'is_snapshotuser') === '1') throw new ConnectorFailure('not_admitted', 'is_snapshotuser');
  const openId = need(textOf(tokens, 'openid'), 'subject', 'openid');
  const person = await call(world, `${api}/sns/userinfo`, {
    check: 'profile', errorIn, query: { access_token: need(textOf(tokens, 'access_token'), 'code_exchange', 'access_token'), openid: openId, lang: 'zh_CN' } });
  if (textOf(person, 'openid') !== openId) throw new ConnectorFailure('subject', 'openid_differs');
  const unionId = textOf(person, 'unionid') ?? textOf(tokens, 'unionid');
  const byApp = subject('openid', appId, openId);
  return { subjects: unionId === undefined ? [byApp] : [subject('unionid', unionId), byApp], displayName: textOf(person, 'nickname') };
}

export const wechat: Connector<Settings> = {
  kind: 'wechat', label: 'WeChat', settings, secret: 'required', secretIsFor, identify,
  authorizeUrl: async (_world, source, departure) => authorizeUrl('/connect/qrconnect', 'snsapi_login', source.settings, departure),
};

const officialSettings = settings.extend({
  sharesWith: z.string().max(100).nullable().default(null).describe('The source of kind `wechat` whose people these are, where both are bound to one Open Platform account: one person is one account in both.'),
});

export const wechatOfficialAccount: Connector<z.infer<typeof officialSettings>> = {
  kind: 'wechat_official_account', label: 'WeChat', settings: officialSettings, secret: 'required', secretIsFor, identify,
  authorizeUrl: async (_world, source, departure) => authorizeUrl('/connect/oauth2/authorize', 'snsapi_userinfo', source.settings, departure),
};
