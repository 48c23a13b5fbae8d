import { findApplicationByClientId, matchesClientSecret } from '../applications/index.ts';
import type { Core } from '../core/core.ts';
import { foldIdentifier } from '../directory/index.ts';
import { firstInstanceId, instanceContext, type InstanceContext } from '../tenancy/index.ts';

/** Which BOOTSTRAP_ settings say something else than what is there. They count at the first start only. */
export async function settingsThatDoNothing(core: Core): Promise<string[]> {
  const context = await instanceContext(core, firstInstanceId);
  if (!context) return [];
  const differing = [
    ...await differingAdministrator(context) ? ['BOOTSTRAP_ADMIN_USERNAME or BOOTSTRAP_ADMIN_PASSWORD'] : [],
    ...await differingClient(context) ? ['BOOTSTRAP_CLIENT_ID or BOOTSTRAP_CLIENT_SECRET'] : [],
  ];
  return differing.map((names) => `${names}: not what is stored. They count at the first start only, so nothing was changed.`);
}

async function differingAdministrator(context: InstanceContext): Promise<boolean> {
  const { administratorUsername, administratorPassword } = context.core.config.bootstrap;
  const user = await context.db.user.findFirst({ where: { usernameKey: foldIdentifier(administratorUsername) } });
  // The default name may have been given up on purpose; a password in the settings is meant for somebody.
  if (administratorPassword === undefined) return !user && administratorUsername !== 'admin';
  if (!user) return true;
  const password = await context.db.password.findFirst({ where: { userId: user.id } });
  return !await context.core.passwordHasher.verify(password?.hash, administratorPassword);
}

async function differingClient(context: InstanceContext): Promise<boolean> {
  const { clientId, clientSecret } = context.core.config.bootstrap;
  if (clientId === undefined || clientSecret === undefined) return false;
  const application = await findApplicationByClientId(context, clientId);
  return !application || !await matchesClientSecret(context, application.id, clientSecret);
}
