/** Who may know of a token what (RFC 7662 §4): whom it was issued to, and the API that it is for. Nobody else. */
import type Provider from 'oidc-provider';
import { isUserUsable } from '../../directory/index.ts';
import { findLiveSessionById, isAssigned } from '../../authentication/index.ts';
import { findApplicationByClientId } from '../../applications/index.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import { applicationOf, type Client } from './clients.ts';

type Token = InstanceType<Provider['AccessToken']> | InstanceType<Provider['ClientCredentials']> | InstanceType<Provider['RefreshToken']>;

/** False is answered as `{"active":false}`: also when the user, the application or the session behind the token has ended, or the application was taken away from the user. */
export async function isIntrospectable(context: InstanceContext, client: Client, token: Token): Promise<boolean> {
  if (token.clientId !== client.clientId && !isAudience(client, token)) return false;
  const application = token.clientId === undefined ? undefined : await findApplicationByClientId(context, token.clientId);
  if (!application?.enabled) return false;
  if ('accountId' in token && token.accountId !== undefined && !(await isUserUsable(context, token.accountId) && await isAssigned(context, application.id, token.accountId))) return false;
  if ('expiresWithSession' in token && token.expiresWithSession && token.sessionUid !== undefined) {
    return await findLiveSessionById(context, token.sessionUid) !== undefined;
  }
  return true;
}

/** The application is the API that the token was made for, by its own setting. */
function isAudience(client: Client, token: Token): boolean {
  const audience = 'aud' in token ? token.aud : undefined;
  return typeof audience === 'string' && client.clientAuthMethod !== 'none' && applicationOf(client).settings.introspectsResources.includes(audience);
}
