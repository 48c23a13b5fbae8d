import { createPrivateKey, createPublicKey, sign, verify } from 'node:crypto';
import { z } from 'zod';
import { callText, codeOf, need, objectOf, shortCode, subject, textOf, withQuery, type Body } from './calls.ts';
import { type ConnectedSource, type Connector, ConnectorFailure, type FailedCheck, type World } from './connector.ts';
import { endpoints, identifier } from './fields.ts';

const settings = z.strictObject({
  appId: identifier,
  alipayPublicKey: z.string().max(4_000).refine((text) => isReadable(() => createPublicKey(asPem(text, 'PUBLIC KEY'))), 'must be the public key of Alipay, as its console shows it')
    .describe('Of Alipay, not of the application: its answers are signed with it.'),
  endpoints: endpoints({ site: 'https://openauth.alipay.com', gateway: 'https://openapi.alipay.com/gateway.do' }),
});
type Settings = z.infer<typeof settings>;

/** Its console shows keys without the lines around them. */
function asPem(text: string, label: string): string {
  if (text.includes('-----BEGIN')) return text;
  return `-----BEGIN ${label}-----\n${text.replace(/\s/g, '').replace(/.{64}/g, '$&\n')}\n-----END ${label}-----`;
}

function isReadable(read: () => { asymmetricKeyType?: string | undefined }): boolean {
  try {
    return read().asymmetricKeyType === 'rsa';
  } catch {
    return false;
  }
}

function readPrivateKey(text: string) {
  try {
    return createPrivateKey(asPem(text, 'PRIVATE KEY'));
  } catch {
    return createPrivateKey(asPem(text, 'RSA PRIVATE KEY'));
  }
}

/** All but empty ones and `sign`, by name, not encoded; RSA2 is SHA-256 with PKCS #1 v1.5. */
export function signParameters(parameters: Readonly<Record<string, string>>, privateKey: string): string {
  const content = Object.entries(parameters).filter(([name, value]) => name !== 'sign' && value !== '').sort(([left], [right]) => (left < right ? -1 : 1)).map(([name, value]) => `${name}=${value}`).join('&');
  return sign('RSA-SHA256', Buffer.from(content), readPrivateKey(privateKey)).toString('base64');
}

async function invoke(world: World, { settings: { appId, alipayPublicKey, endpoints: { gateway } }, secret }: ConnectedSource<Settings>, check: FailedCheck, method: string, more: Readonly<Record<string, string>>): Promise<Body> {
  // Clocks of the gateway run on China time, which has no summer time.
  const timestamp = new Date(world.now().getTime() + 8 * 3_600_000).toISOString().slice(0, 19).replace('T', ' ');
  const parameters = { app_id: appId, method, format: 'JSON', charset: 'utf-8', sign_type: 'RSA2', timestamp, version: '1.0', ...more };
  const { body, text } = await callText(world, gateway, {
    check, form: { ...parameters, sign: signParameters(parameters, need(secret, 'configuration', 'private_key')) },
    errorIn: (answer) => codeIn(objectOf(answer, 'error_response')) });
  const name = `${method.replaceAll('.', '_')}_response`;
  const result = objectOf(body, name);
  const code = codeIn(result);
  if (!result || (code !== undefined && code !== '10000')) throw new ConnectorFailure(check, code ?? 'response_missing');
  const signature = textOf(body, 'sign');
  const signed = rawValueOf(text, name);
  if (signature === undefined || signed === undefined || !verify('RSA-SHA256', Buffer.from(signed), createPublicKey(asPem(alipayPublicKey, 'PUBLIC KEY')), Buffer.from(signature, 'base64'))) throw new ConnectorFailure(check, 'signature');
  return result;
}

const codeIn = (response: Body | undefined): string | undefined => {
  const code = response && (textOf(response, 'sub_code') ?? textOf(response, 'code'));
  return code === undefined ? undefined : shortCode(code);
};

/** The text of a member as it stands in the answer: what was signed. It is an object and ends where its braces do. */
export function rawValueOf(text: string, name: string): string | undefined {
  const start = text.indexOf(`{`, text.indexOf(`"${name}"`));
  if (!text.startsWith(`{"${name}":`) || start < 0) return undefined;
  let depth = 0;
  let quoted = false;
  for (let at = start; at < text.length; at += 1) {
    const character = text[at];
    if (quoted) {
      if (character === '\\') at += 1;
      else if (character === '"') quoted = false;
    } else if (character === '"') quoted = true;
    else if (character === '{') depth += 1;
    else if (character === '}' && (depth -= 1) === 0) return text.slice(start, at + 1);
  }
  return undefined;
}

export const alipay: Connector<Settings> = {
  kind: 'alipay', label: 'Alipay', settings, secret: 'required',
  checkSecret: (text) => (isReadable(() => readPrivateKey(text)) ? undefined : 'must be the private RSA key of the application'),
  secretIsFor: ({ appId, alipayPublicKey, endpoints: { site, gateway } }) => [appId, alipayPublicKey, site, gateway],
  async authorizeUrl(_world, { settings: { appId, endpoints: { site } } }, { state, redirectUri }) {
    return withQuery(`${site}/oauth2/publicAppAuthorize.htm`, { app_id: appId, scope: 'auth_user', redirect_uri: redirectUri, state });
  },
  async identify(world, source, arrival) {
    const given = arrival.parameters['app_id'];
    if (given !== undefined && given !== source.settings.appId) throw new ConnectorFailure('answer', 'app_id');
    const tokens = await invoke(world, source, 'code_exchange', 'alipay.system.oauth.token', { grant_type: 'authorization_code', code: codeOf(arrival, 'auth_code') });
    const person = await invoke(world, source, 'profile', 'alipay.user.info.share', { auth_token: need(textOf(tokens, 'access_token'), 'code_exchange', 'access_token') });
    // New applications get an open_id, old ones the number of the account; each is another key.
    const openId = textOf(tokens, 'open_id');
    const key = openId === undefined ? subject('userid', need(textOf(tokens, 'user_id'), 'subject', 'user_id')) : subject('openid', source.settings.appId, openId);
    return { subjects: [key], displayName: textOf(person, 'nick_name') };
  },
};
