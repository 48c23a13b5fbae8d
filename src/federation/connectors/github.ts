import { z } from 'zod';
import { call, codeOf, need, oauthError, shortCode, subject, textOf, withQuery, type Body } from './calls.ts';
import { type Connector, ConnectorFailure, type World } from './connector.ts';
import { endpoints, identifier } from './fields.ts';

const settings = z.strictObject({
  clientId: identifier,
  endpoints: endpoints({ site: 'https://github.com', api: 'https://api.github.com' }),
});
type Settings = z.infer<typeof settings>;

export const github: Connector<Settings> = {
  kind: 'github', label: 'GitHub', settings, secret: 'required', provesMailboxes: true,
  secretIsFor: ({ clientId, endpoints: { site, api } }) => [clientId, site, api],
  async authorizeUrl(_world, { settings: { clientId, endpoints: { site } } }, { state, redirectUri, codeChallenge, loginHint }) {
    return withQuery(`${site}/login/oauth/authorize`, {
      client_id: clientId, redirect_uri: redirectUri, scope: 'read:user user:email', state, login: loginHint, code_challenge: codeChallenge, code_challenge_method: 'S256' });
  },
  async identify(world, { settings: { clientId, endpoints: { site, api } }, secret }, arrival) {
    const tokens = await call(world, `${site}/login/oauth/access_token`, {
      check: 'code_exchange', errorIn: oauthError,
      form: { client_id: clientId, client_secret: need(secret, 'configuration', 'secret'), code: codeOf(arrival, 'code'), redirect_uri: arrival.redirectUri, code_verifier: arrival.codeVerifier } });
    const headers = { authorization: `Bearer ${need(textOf(tokens, 'access_token'), 'code_exchange', 'access_token')}`, accept: 'application/vnd.github+json' };
    // A person has no `message`; a refusal has nothing else.
    const person = await call(world, `${api}/user`, { check: 'profile', headers, errorIn: (body) => (body['id'] === undefined && body['message'] !== undefined ? shortCode(textOf(body, 'status') ?? 'refused') : undefined) });
    const login = textOf(person, 'login');
    const email = await primaryAddress(world, `${api}/user/emails`, headers);
    return {
      // The login is renamed and taken over by others; the number is not.
      subjects: [subject('id', need(textOf(person, 'id'), 'subject', 'id'))],
      username: login, displayName: textOf(person, 'name') ?? login,
      email: email === undefined ? undefined : { address: email, verified: true },
    };
  },
};

/** Without the right to read addresses there is none. */
async function primaryAddress(world: World, address: string, headers: Record<string, string>): Promise<string | undefined> {
  const answer = await world.outbound.fetch(address, { headers, timeoutMs: 8_000, maxBytes: 256 * 1_024, purpose: 'identity-source' }).catch(() => { throw new ConnectorFailure('unreachable'); });
  if (answer.status !== 200) return undefined;
  const list: unknown = answer.json();
  const primary = (Array.isArray(list) ? list as Body[] : []).find((entry) => entry['primary'] === true && entry['verified'] === true);
  const email = textOf(primary, 'email');
  // Mail to the address that hides the real one goes nowhere.
  return email?.endsWith('@users.noreply.github.com') ? undefined : email;
}
