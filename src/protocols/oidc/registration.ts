/** Dynamic registration (RFC 7591, RFC 7592): off unless the instance turns it on, and then by initial access token. */
import { randomToken } from '../../core/secrets.ts';
import type { Configuration } from 'oidc-provider';
import type { InstanceContext } from '../../tenancy/index.ts';

type Features = NonNullable<Configuration['features']>;

export function registration(instance: InstanceContext): Pick<Features, 'registration' | 'registrationManagement'> {
  if (!instance.instance.settings.dynamicRegistration.enabled) return { registration: { enabled: false }, registrationManagement: { enabled: false } };
  return {
    registration: { enabled: true, initialAccessToken: true, idFactory: () => randomToken(16), secretFactory: async () => randomToken() },
    registrationManagement: { enabled: true, rotateRegistrationAccessToken: true },
  };
}
