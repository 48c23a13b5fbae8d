/**
 * Makes a data folder with what Postern needs of the fixtures, through its own functions; rate limits are raised by
 * settings, not taken away. A process of its own, so that the memory of the server is that of serving.
 */
import { createApplication, createResourceServer, putResourceGrant } from '../../src/applications/index.ts';
import { setPassword } from '../../src/authentication/index.ts';
import { bootstrap } from '../../src/bootstrap/index.ts';
import type { Core } from '../../src/core/core.ts';
import { applyMigrations } from '../../src/core/migrations.ts';
import { createUser } from '../../src/directory/index.ts';
import { buildServer } from '../../src/server.ts';
import { instanceContext, type InstanceContext } from '../../src/tenancy/index.ts';
import { changeSettings } from '../../src/tenancy/settings-change.ts';
import { apis, apiScope, coldInstances, lifetimes, machine, manyInstances, redirectUri, userNames, userPassword, web } from '../fixtures.ts';
import { seedLarge } from '../large/seed.ts';
import { sizeFor } from '../large/size.ts';
import { openData } from './data.ts';
import { answerParent } from './parent.ts';
import { seedInstances } from './seed-instances.ts';

const unlimited = 100_000;

/** Fills the first instance and makes the others. */
async function seed(core: Core): Promise<void> {
  const context = await instanceContext(core, 'default');
  if (!context) throw new Error('there is no first instance');
  await changeSettings(context, 'settings', {
    rateLimit: { addressPerSecond: unlimited, addressBurst: unlimited },
    tokens: { accessTokenSeconds: lifetimes.accessToken, authorizationCodeSeconds: lifetimes.code, idTokenSeconds: lifetimes.idToken, refreshTokenSeconds: lifetimes.refreshToken },
  });
  const limits = { rateLimitPerSecond: unlimited, rateLimitBurst: unlimited };
  await createApplication(context, { name: 'Bench web', kind: 'web', clientId: web.id, firstParty: true, ...limits, oidc: { redirectUris: [redirectUri] } }, { clientSecret: web.secret });
  const { application } = await createApplication(context, { name: 'Bench machine', kind: 'machine', clientId: machine.id, ...limits }, { clientSecret: machine.secret });
  for (const tokenFormat of ['jwt', 'opaque'] as const) {
    const api = await createResourceServer(context, {
      identifier: apis[tokenFormat], name: `Bench ${tokenFormat}`, scopes: [{ name: apiScope, description: 'Read' }],
      accessTokenSeconds: lifetimes.accessToken, tokenFormat, signingAlgorithm: 'ES256',
    });
    await putResourceGrant(context, application.id, api.id, [apiScope]);
  }
  await seedUsers(context);
  await seedInstances(context, [...manyInstances, ...coldInstances]);
}

async function seedUsers(context: InstanceContext): Promise<void> {
  for (const username of userNames) {
    const user = await createUser(context, { username });
    await setPassword(context, user, { password: userPassword });
  }
  // Until its administrator has signed in once, an instance shows set-up pages only.
  await context.db.user.updateMany({ where: { username: 'admin' }, data: { lastSignInAt: context.now() } });
}

const { config, postgres } = await openData(process.argv[2]);
await applyMigrations(postgres.url);
const server = await buildServer({ config, connectionString: postgres.url });
await bootstrap(server.core);
await seed(server.core);
const { users = 0 } = JSON.parse(process.argv[2] ?? '{}') as { users?: number };
if (users > 0) await seedLarge(server.core, postgres.url, 'large', sizeFor(users), () => undefined);
await server.stop();
await postgres.stop();
answerParent({});
