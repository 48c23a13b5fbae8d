import { createApplication } from '../applications/index.ts';
import type { InstanceContext } from '../tenancy/index.ts';

/** The client_id of the sample application (examples/sample-application). */
export const sampleClientId = 'sample-application';

/**
 * Registers the sample application, where it is to run. It is a public client that listens on a loopback port of the
 * person's own machine, hence `native`: another port at a later start needs no change here (RFC 8252 §7.3).
 */
export async function createSampleApplication(tx: InstanceContext): Promise<void> {
  const port = tx.core.config.sampleApplicationPort;
  if (port === 0) return;
  await createApplication(tx, {
    name: 'Sample application', description: 'Shows a whole sign-in and the claims that came of it. Delete it when you do not need it any more.',
    kind: 'native', clientId: sampleClientId,
    oidc: { redirectUris: [`http://localhost:${port}/callback`], postLogoutRedirectUris: [`http://localhost:${port}/`] },
  });
}
