import { LRUCache } from 'lru-cache';
import { z } from 'zod';
import type { Outbound } from '../../core/outbound.ts';
import { call, codeOf, need, nonZero, subject, textOf, withQuery } from './calls.ts';
import { type ConnectedSource, type Connector, ConnectorFailure, type World } from './connector.ts';
import { endpoints, identifier } from './fields.ts';

const settings = z.strictObject({
  corpId: identifier, agentId: identifier,
  endpoints: endpoints({ login: 'https://login.work.weixin.qq.com', inApp: 'https://open.weixin.qq.com', api: 'https://qyapi.weixin.qq.com' }),
});
type Settings = z.infer<typeof settings>;

const errorIn = nonZero('errcode');

/** Asking for a token at every sign-in is throttled. */
const tokens = new WeakMap<Outbound, LRUCache<string, string>>();

async function corporateToken(world: World, { id, version, settings: { corpId, endpoints: { api } }, secret }: ConnectedSource<Settings>, anew: boolean): Promise<string> {
  let cache = tokens.get(world.outbound);
  if (!cache) tokens.set(world.outbound, cache = new LRUCache({ max: 500, ttl: 3_600_000 }));
  const key = `${id}/${version}`;
  const known = anew ? undefined : cache.get(key);
  if (known !== undefined) return known;
  const body = await call(world, `${api}/cgi-bin/gettoken`, { check: 'configuration', errorIn, query: { corpid: corpId, corpsecret: need(secret, 'configuration', 'secret') } });
  const token = need(textOf(body, 'access_token'), 'configuration', 'access_token');
  cache.set(key, token, { ttl: Math.max(60, Number(textOf(body, 'expires_in') ?? 0) - 300) * 1_000 });
  return token;
}

export const wecom: Connector<Settings> = {
  kind: 'wecom', label: 'WeCom', settings, secret: 'required',
  secretIsFor: ({ corpId, endpoints: { login, inApp, api } }) => [corpId, login, inApp, api],
  async authorizeUrl(_world, { settings: { corpId, agentId, endpoints: { login, inApp } } }, { state, redirectUri, userAgent }) {
    if (/wxwork/i.test(userAgent ?? '')) {
      return new URL(`${inApp}/connect/oauth2/authorize?appid=${encodeURIComponent(corpId)}&redirect_uri=${encodeURIComponent(redirectUri)}&response_type=code&scope=snsapi_base&state=${state}&agentid=${encodeURIComponent(agentId)}#wechat_redirect`);
    }
    return withQuery(`${login}/wwlogin/sso/login`, { login_type: 'CorpApp', appid: corpId, agentid: agentId, redirect_uri: redirectUri, state });
  },
  async identify(world, source, arrival) {
    const { corpId, endpoints: { api } } = source.settings;
    const code = codeOf(arrival, 'code');
    const ask = (token: string) => call(world, `${api}/cgi-bin/auth/getuserinfo`, { check: 'code_exchange', errorIn, query: { access_token: token, code } });
    const member = await ask(await corporateToken(world, source, false)).catch(async (error: unknown) => {
      // The vendor may take a token back before its time.
      if (!(error instanceof ConnectorFailure) || !['40014', '42001'].includes(error.vendorCode ?? '')) throw error;
      return ask(await corporateToken(world, source, true));
    });
    const userId = textOf(member, 'userid') ?? textOf(member, 'UserId');
    if (userId === undefined) throw new ConnectorFailure('not_admitted', 'not_a_member');
    const profile = await call(world, `${api}/cgi-bin/user/get`, { check: 'profile', errorIn, query: { access_token: await corporateToken(world, source, false), userid: userId } });
    // Addresses and numbers are what the company's administrators typed.
    const email = textOf(profile, 'biz_mail') ?? textOf(profile, 'email');
    const mobile = textOf(profile, 'mobile');
    return {
      subjects: [subject('userid', corpId, userId.toLowerCase())],
      username: userId, displayName: textOf(profile, 'name'),
      email: email === undefined ? undefined : { address: email, verified: false },
      phone: mobile === undefined ? undefined : { number: mobile, verified: false },
    };
  },
};
