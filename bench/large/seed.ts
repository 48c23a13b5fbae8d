/** Makes a large instance: what people would do through the product's own functions, the many rows by COPY. */
import pg from 'pg';
import { builtInResourceServers, createApplication, putResourceGrant } from '../../src/applications/index.ts';
import { setPassword } from '../../src/authentication/index.ts';
import type { Core } from '../../src/core/core.ts';
import { newId } from '../../src/core/ids.ts';
import { createUser } from '../../src/directory/index.ts';
import { createInstance, instanceContext, type InstanceContext } from '../../src/tenancy/index.ts';
import { changeSettings } from '../../src/tenancy/settings-change.ts';
import { machine, redirectUri, userPassword, web } from '../fixtures.ts';
import { copyAll } from './copy.ts';
import { makeIds, tablesOf } from './rows.ts';
import { applicationCount, rolesOfEach, type LargeSize } from './size.ts';

const unlimited = 100_000;

/** People with a password, besides the many: sign-ins are measured with them. */
export const signingIn: readonly string[] = Array.from({ length: 8 }, (_value, index) => `signs-in-${index}`);

/**
 * @param note takes a line for each step of a second or more
 * @throws Error when the instance is there already
 */
export async function seedLarge(core: Core, connectionString: string, instanceId: string, size: LargeSize, note: (line: string) => void): Promise<void> {
  if (await instanceContext(core, instanceId)) throw new Error(`the instance "${instanceId}" is there already; name another one (--instance)`);
  const context = await createInstance(core, { id: instanceId, name: `${size.users} users` }, { principal: { kind: 'system' } });
  const roles = await seedApplications(context);
  for (const username of signingIn) await setPassword(context, await createUser(context, { username }), { password: userPassword });
  const now = core.now();
  const started = now.getTime() - size.users - 86_400_000;
  const ids = {
    users: makeIds('user', size.users, started), organizationalUnits: makeIds('ou', size.organizationalUnits, started), groups: makeIds('group', size.groups, started), roles,
  };
  const client = new pg.Client({ connectionString, application_name: 'postern bench' });
  await client.connect();
  try {
    await copyAll(client, tablesOf(instanceId, size, ids, now.toISOString()), note);
  } finally {
    await client.end();
  }
}

/** Applications with roles, and a program that may call the management API. Returns the ids of the roles in their order. */
async function seedApplications(context: InstanceContext): Promise<string[]> {
  await changeSettings(context, 'settings', { rateLimit: { addressPerSecond: unlimited, addressBurst: unlimited }, tokens: { accessTokenSeconds: 7_200 } });
  const limits = { rateLimitPerSecond: unlimited, rateLimitBurst: unlimited };
  const { application } = await createApplication(context, { name: 'Bench machine', kind: 'machine', clientId: machine.id, ...limits }, { clientSecret: machine.secret });
  for (const api of builtInResourceServers(context)) await putResourceGrant(context, application.id, api.id, api.scopes.map(({ name }) => name));
  const roles: { id: string; applicationId: string; key: string; name: string }[] = [];
  for (let index = 0; index < applicationCount; index += 1) {
    const { application: made } = await createApplication(context, {
      name: `Application ${index}`, kind: 'web', clientId: index === 0 ? web.id : `${web.id}-${index}`, firstParty: true, ...limits, oidc: { redirectUris: [redirectUri] } }, { clientSecret: web.secret });
    for (let role = 0; role < rolesOfEach; role += 1) roles.push({ id: newId('role'), applicationId: made.id, key: `role-${role}`, name: `Role ${role}` });
  }
  await context.db.applicationRole.createMany({ data: roles.map((role) => ({ ...role, instanceId: context.instance.id })) });
  return roles.map(({ id }) => id).sort();
}
