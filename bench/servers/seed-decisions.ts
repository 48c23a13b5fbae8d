/** A data folder for bench/decisions.ts: people in a group, an application with a role, policies, and a program that asks. */
import { builtInResourceServers, createApplication, putResourceGrant } from '../../src/applications/index.ts';
import { bootstrap } from '../../src/bootstrap/index.ts';
import { applyMigrations } from '../../src/core/migrations.ts';
import { createUser } from '../../src/directory/index.ts';
import { buildServer } from '../../src/server.ts';
import { instanceContext } from '../../src/tenancy/index.ts';
import { changeSettings } from '../../src/tenancy/settings-change.ts';
import { machine, userNames, web } from '../fixtures.ts';
import { openData } from './data.ts';
import { answerParent } from './parent.ts';

const unlimited = { rateLimitPerSecond: 100_000, rateLimitBurst: 100_000 };

const { config, postgres } = await openData(process.argv[2]);
await applyMigrations(postgres.url);
const server = await buildServer({ config, connectionString: postgres.url });
await bootstrap(server.core);
const context = await instanceContext(server.core, 'default');
if (!context) throw new Error('there is no first instance');
await changeSettings(context, 'settings', { rateLimit: { addressPerSecond: 100_000, addressBurst: 100_000 }, tokens: { accessTokenSeconds: 3_600 } });
await createApplication(context, { name: 'Bench web', kind: 'web', clientId: web.id, ...unlimited, oidc: { redirectUris: ['https://app.bench.example/callback'] } }, { clientSecret: web.secret });
const { application } = await createApplication(context, { name: 'Bench machine', kind: 'machine', clientId: machine.id, ...unlimited }, { clientSecret: machine.secret });
for (const api of builtInResourceServers(context).filter(({ identifier }) => identifier.startsWith(context.instance.issuer))) {
  await putResourceGrant(context, application.id, api.id, api.scopes.map(({ name }) => name));
}
for (const username of userNames) await createUser(context, { username });
await server.stop();
await postgres.stop();
answerParent({});
