/** Vendors whose errors come with HTTP 200, as their documentation prints them. */
import { generateKeyPairSync, sign, verify } from 'node:crypto';
import { type Asked, type Desk, notFound, type Said, type Vendor } from './vendor.ts';

const secret = 'vendor-secret-of-the-application';

/** WeChat prints JSON as text/plain. */
const weChat = (kind: 'wechat' | 'wechat_official_account'): Vendor => ({
  kind, secret, codeName: 'code', pkce: false, subjects: ['unionid:o6_bmasdasdsad6_2sgVt7hMZOPfL', 'openid:wx1234:OPENID-1'], email: undefined, usedCode: '40029',
  settings: (base) => ({ appId: 'wx1234', endpoints: { site: base, api: base } }),
  answer({ path, query }, desk): Said {
    const say = (body: unknown): Said => ({ type: 'text/plain', body });
    if (path === '/sns/oauth2/access_token') {
      if (query['appid'] !== 'wx1234') return say({ errcode: 40013, errmsg: 'invalid appid' });
      if (query['secret'] !== secret) return say({ errcode: 40125, errmsg: 'invalid appsecret, rid: 1' });
      if (!desk.take(query['code'])) return say({ errcode: 40029, errmsg: 'invalid code, rid: 65-4c' });
      return say({ access_token: 'WT', expires_in: 7200, refresh_token: 'WR', openid: 'OPENID-1', scope: 'snsapi_login', unionid: 'o6_bmasdasdsad6_2sgVt7hMZOPfL', ...desk.claims });
    }
    if (path !== '/sns/userinfo') return notFound;
    if (desk.fault === 'profile') return say({ errcode: 48001, errmsg: 'api unauthorized' });
    return say({ openid: query['openid'], nickname: '小明', sex: 0, province: '', city: '', country: '', headimgurl: '', privilege: [], unionid: 'o6_bmasdasdsad6_2sgVt7hMZOPfL', ...desk.profile });
  },
});

const wecom: Vendor = {
  kind: 'wecom', secret, codeName: 'code', pkce: false, subjects: ['userid:ww9f:zhangsan'], email: { address: 'zhangsan@corp.example', verified: false }, usedCode: '40029',
  settings: (base) => ({ corpId: 'ww9f', agentId: '1000002', endpoints: { login: base, inApp: base, api: base } }),
  answer({ path, query }, desk): Said {
    if (path === '/cgi-bin/gettoken') return { body: query['corpsecret'] === secret ? { errcode: 0, errmsg: 'ok', access_token: 'CT', expires_in: 7200 } : { errcode: 40001, errmsg: 'invalid credential, hint: [1-2-3], from ip: 1.2.3.4' } };
    if (query['access_token'] !== 'CT') return { body: { errcode: 40014, errmsg: 'invalid access_token' } };
    if (path === '/cgi-bin/auth/getuserinfo') return { body: desk.take(query['code']) ? { errcode: 0, errmsg: 'ok', userid: 'ZhangSan', ...desk.claims } : { errcode: 40029, errmsg: 'invalid code' } };
    if (path !== '/cgi-bin/user/get') return notFound;
    return { body: desk.fault === 'profile' ? { errcode: 60011, errmsg: 'no privilege to access' } : { errcode: 0, errmsg: 'ok', userid: 'ZhangSan', name: '张三', biz_mail: 'zhangsan@corp.example', ...desk.profile } };
  },
};

const dingtalk: Vendor = {
  kind: 'dingtalk', secret, codeName: 'authCode', pkce: false, subjects: ['unionid:z21HjQliSzpw0Yxxxx', 'openid:dingapp:liSii8KCxxxxx'], email: { address: 'dev@example.com', verified: false }, usedCode: 'invalidCode',
  settings: (base) => ({ clientId: 'dingapp', endpoints: { login: base, api: base } }),
  answer({ path, body, headers }, desk): Said {
    const refuse = (status: number, code: string): Said => ({ status, body: { code, message: `${code} text`, requestid: 'r-1' } });
    if (path === '/v1.0/oauth2/userAccessToken') {
      if (body['clientId'] !== 'dingapp' || body['clientSecret'] !== secret) return refuse(400, 'invalidClientIdOrSecret');
      return desk.take(body['code']) ? { body: { accessToken: 'DT', refreshToken: 'DR', expireIn: 7200, ...desk.claims } } : refuse(400, 'invalidCode');
    }
    if (path !== '/v1.0/contact/users/me') return notFound;
    if (desk.fault === 'profile') return { body: { status: 1111, wait: 5, source: 'x5', punish: 'deny', uuid: 'u' } };
    if (headers['x-acs-dingtalk-access-token'] !== 'DT') return refuse(400, 'InvalidAuthentication');
    return { body: { nick: 'zhangsan', avatarUrl: 'https://x', mobile: '15012345678', openId: 'liSii8KCxxxxx', unionId: 'z21HjQliSzpw0Yxxxx', email: 'dev@example.com', stateCode: '86', ...desk.profile } };
  },
};

const larkOf = (kind: 'lark' | 'feishu'): Vendor => ({
  kind, secret, codeName: 'code', pkce: true, subjects: ['unionid:on_94a1ee5551019f18cd73d9f111898cf2', 'openid:cli_a1:ou_caecc734c2e3328a62489fe0648c4b98'], email: { address: 'zhang@corp.example', verified: false }, usedCode: '20003',
  settings: (base) => ({ appId: 'cli_a1', endpoints: { accounts: base, api: base } }),
  answer({ path, body, headers }, desk): Said {
    const refuse = (code: number, error: string): Said => ({ status: 400, body: { code, error, error_description: 'text' } });
    if (path === '/oauth/v3/token') {
      if (body['client_secret'] !== secret) return refuse(20002, 'invalid_client');
      if (!desk.take(body['code'], { verifier: body['code_verifier'], redirectUri: body['redirect_uri'] })) return refuse(20003, 'invalid_grant');
      return { body: { code: 0, access_token: 'LT', expires_in: 7200, scope: 'auth:user.id:read', token_type: 'Bearer' } };
    }
    if (path !== '/open-apis/authen/v1/user_info') return notFound;
    if (desk.fault === 'profile' || headers.authorization !== 'Bearer LT') return { body: { code: 20022, msg: 'user frozen' } };
    return { body: { code: 0, msg: 'success', data: { name: '张三', open_id: 'ou_caecc734c2e3328a62489fe0648c4b98', union_id: 'on_94a1ee5551019f18cd73d9f111898cf2', email: 'zhang@corp.example', mobile: '+8613800138000', tenant_key: '736588c92lxf175d', ...desk.profile } } };
  },
});

const application = generateKeyPairSync('rsa', { modulusLength: 2048 });
const alipayItself = generateKeyPairSync('rsa', { modulusLength: 2048 });
const der = (key: typeof alipayItself.publicKey) => key.export({ type: 'spki', format: 'der' }).toString('base64');

/** Its console shows keys as bare base64. */
const alipay: Vendor = {
  kind: 'alipay', secret: application.privateKey.export({ type: 'pkcs8', format: 'der' }).toString('base64'), codeName: 'auth_code', pkce: false,
  subjects: ['openid:2021000:074a1CcTG1LelxKe4xQC0zgNdId0nxi95b5lsNpazWYoCo5'], email: undefined, usedCode: 'isv.code-invalid',
  settings: (base) => ({ appId: '2021000', alipayPublicKey: der(alipayItself.publicKey), endpoints: { site: base, gateway: `${base}/gateway.do` } }),
  answer({ path, body }, desk): Said {
    if (path !== '/gateway.do') return notFound;
    const refusal = (code: string, sub: string): Said => signed('error_response', { code, msg: 'Invalid Arguments', sub_code: sub, sub_msg: '授权码code无效' });
    const given = Object.entries(body).filter(([name]) => name !== 'sign').sort(([left], [right]) => (left < right ? -1 : 1)).map(([name, value]) => `${name}=${value}`).join('&');
    if (!verify('RSA-SHA256', Buffer.from(given), application.publicKey, Buffer.from(body['sign'] ?? '', 'base64'))) return refusal('40002', 'isv.invalid-signature');
    if (body['method'] === 'alipay.system.oauth.token') {
      if (!desk.take(body['code'])) return refusal('40002', 'isv.code-invalid');
      return signed('alipay_system_oauth_token_response', { access_token: 'AT', open_id: '074a1CcTG1LelxKe4xQC0zgNdId0nxi95b5lsNpazWYoCo5', expires_in: 300, refresh_token: 'AR', re_expires_in: 360, auth_start: '2026-01-01 00:00:00' }, desk.claims['sign']);
    }
    if (desk.fault === 'profile') return signed('alipay_user_info_share_response', { code: '40006', msg: 'Insufficient Permissions', sub_code: 'isv.insufficient-isv-permissions' });
    return signed('alipay_user_info_share_response', { code: '10000', msg: 'Success', open_id: '074a1', nick_name: '支付宝"}小明', ...desk.profile });
  },
};

function signed(name: string, response: object, spoilt?: unknown): Said {
  const text = JSON.stringify(response);
  const signature = spoilt ?? sign('RSA-SHA256', Buffer.from(text), alipayItself.privateKey).toString('base64');
  return { body: `{"${name}":${text},"sign":${JSON.stringify(signature)}}` };
}

const qq: Vendor = {
  kind: 'qq', secret, codeName: 'code', pkce: false, subjects: ['unionid:UID_QQ', 'openid:1011:QQOPEN'], email: undefined, usedCode: '100019',
  settings: (base) => ({ appId: '1011', endpoints: { graph: base } }),
  answer({ path, query }: Asked, desk: Desk): Said {
    if (path === '/oauth2.0/token') {
      if (query['client_secret'] !== secret) return { body: { error: 100009, error_description: 'client secret is illegal' } };
      return { body: desk.take(query['code'], { redirectUri: query['redirect_uri'] }) ? { access_token: 'QT', expires_in: '7776000', refresh_token: 'QR' } : { error: 100019, error_description: 'code to access token error' } };
    }
    if (path === '/oauth2.0/me') return { body: { client_id: '1011', openid: 'QQOPEN', unionid: 'UID_QQ', ...desk.claims } };
    if (path !== '/user/get_user_info') return notFound;
    return { body: desk.fault === 'profile' ? { ret: 100030, msg: 'not granted' } : { ret: 0, msg: '', nickname: 'Q', gender: '男', ...desk.profile } };
  },
};

export const chineseVendors: readonly Vendor[] = [weChat('wechat'), weChat('wechat_official_account'), wecom, dingtalk, larkOf('lark'), larkOf('feishu'), alipay, qq];
