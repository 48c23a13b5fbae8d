import { builtInResourceServers, createApplication, putResourceGrant } from '../applications/index.ts';
import type { InstanceContext } from '../tenancy/index.ts';

/**
 * BOOTSTRAP_CLIENT_ID and _SECRET: a machine application with every scope of the management and platform APIs, so that
 * automation needs no clicking. Returns its client id; undefined where the settings name none.
 */
export async function createMachineApplication(tx: InstanceContext): Promise<string | undefined> {
  const { clientId, clientSecret } = tx.core.config.bootstrap;
  if (clientId === undefined) return undefined;
  const { application } = await createApplication(tx, {
    name: 'Automation', description: 'Made at the first start from BOOTSTRAP_CLIENT_ID and BOOTSTRAP_CLIENT_SECRET.', kind: 'machine', clientId,
  }, { clientSecret });
  for (const { id, scopes } of builtInResourceServers(tx)) await putResourceGrant(tx, application.id, id, scopes.map(({ name }) => name));
  return clientId;
}
