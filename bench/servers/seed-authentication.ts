/** Makes a data folder with people, an application that draws its own sign-in page, a machine, and one person with an authenticator app. */
import { createApplication } from '../../src/applications/index.ts';
import { setPassword } from '../../src/authentication/index.ts';
import { sealSecret } from '../../src/authentication/totp-credentials.ts';
import { bootstrap } from '../../src/bootstrap/index.ts';
import { newId } from '../../src/core/ids.ts';
import { applyMigrations } from '../../src/core/migrations.ts';
import { createUser } from '../../src/directory/index.ts';
import { buildServer } from '../../src/server.ts';
import { changeSettings, instanceContext } from '../../src/tenancy/index.ts';
import { machine, ownPage, redirectUri, totpUser, userNames, userPassword } from '../fixtures.ts';
import { openData } from './data.ts';
import { answerParent } from './parent.ts';

const unlimited = 100_000;
const { config, postgres } = await openData(process.argv[2]);
await applyMigrations(postgres.url);
const server = await buildServer({ config, connectionString: postgres.url });
await bootstrap(server.core);
const context = await instanceContext(server.core, 'default');
if (!context) throw new Error('there is no first instance');
await changeSettings(context, 'settings', { rateLimit: { addressPerSecond: unlimited, addressBurst: unlimited, applicationPerSecond: unlimited, applicationBurst: unlimited } });
const limits = { rateLimitPerSecond: unlimited, rateLimitBurst: unlimited };
const { application } = await createApplication(context, {
  name: 'Bench page of its own', kind: 'web', clientId: ownPage.id, firstParty: true, ...limits, oidc: { redirectUris: [redirectUri], embeddedSignIn: { enabled: true, allowedOrigins: [] } } }, { clientSecret: ownPage.secret });
await createApplication(context, { name: 'Bench machine', kind: 'machine', clientId: machine.id, ...limits }, { clientSecret: machine.secret });
for (const username of [...userNames, totpUser.username]) {
  const user = await createUser(context, { username });
  await setPassword(context, user, { password: userPassword });
  if (username !== totpUser.username) continue;
  const id = newId('totp');
  await context.db.totpCredential.create({ data: { id, userId: user.id, name: 'Bench', sealedSecret: sealSecret(context, id, totpUser.secret), lastStep: 0 } });
}
await context.db.user.updateMany({ where: { username: 'admin' }, data: { lastSignInAt: context.now() } });
const applicationId = application.id;
await server.stop();
await postgres.stop();
answerParent({ applicationId: () => applicationId });
