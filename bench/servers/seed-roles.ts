/** Makes a data folder with people, their memberships, roles and assignments, by set statements; a process of its own, like seed.ts. */
import pg from 'pg';
import { createApplication, putResourceGrant, builtInResourceServers } from '../../src/applications/index.ts';
import { bootstrap } from '../../src/bootstrap/index.ts';
import { applyMigrations } from '../../src/core/migrations.ts';
import { buildServer } from '../../src/server.ts';
import { instanceContext } from '../../src/tenancy/index.ts';
import { changeSettings } from '../../src/tenancy/settings-change.ts';
import { machine } from '../fixtures.ts';
import { type RoleFixtures, roleId, userId } from '../role-fixtures.ts';
import { openData } from './data.ts';
import { answerParent } from './parent.ts';

const unlimited = 100_000;
const { users, roles, assigned } = JSON.parse(process.argv[2] ?? '{}') as RoleFixtures;

const { config, postgres } = await openData(process.argv[2]);
await applyMigrations(postgres.url);
const server = await buildServer({ config, connectionString: postgres.url });
await bootstrap(server.core);
const context = await instanceContext(server.core, 'default', { principal: { kind: 'system' } });
if (!context) throw new Error('there is no first instance');
await changeSettings(context, 'settings', { rateLimit: { addressPerSecond: unlimited, addressBurst: unlimited } });
const limits = { rateLimitPerSecond: unlimited, rateLimitBurst: unlimited };
const { application } = await createApplication(context, { name: 'Bench machine', kind: 'machine', clientId: machine.id, ...limits }, { clientSecret: machine.secret });
const [management] = builtInResourceServers(context);
if (!management) throw new Error('no management API');
await putResourceGrant(context, application.id, management.id, management.scopes.map(({ name }) => name));

await server.stop();

const client = new pg.Client({ connectionString: postgres.url });
await client.connect();
// The keys of all rows are checked at once, at the end.
const { rows: keys } = await client.query<{ table: string; name: string; definition: string }>(`
  SELECT conrelid::regclass::text AS table, quote_ident(conname) AS name, pg_get_constraintdef(oid) AS definition FROM pg_constraint
  WHERE contype = 'f' AND conrelid IN ('"User"'::regclass, '"GroupMember"'::regclass, '"OrganizationalUnitMember"'::regclass, '"ApplicationRoleAssignment"'::regclass)`);
for (const { table, name } of keys) await client.query(`ALTER TABLE ${table} DROP CONSTRAINT ${name}`);
const run = (sql: string) => client.query(sql);
const pad = (prefix: string, number: string) => `'${prefix}' || lpad(${number}::text, ${26}, '0')`;
const units = Math.ceil(users / 100);

async function makePeople(): Promise<void> {
  for (let from = 0; from < users; from += 50_000) {
    const range = `generate_series(${from}, ${Math.min(from + 50_000, users) - 1}) AS n`;
    await run(`INSERT INTO "User" ("instanceId", "id", "username", "usernameKey", "displayName") SELECT 'default', ${pad('user_', 'n')}, 'u' || n, 'u' || n, 'User ' || n FROM ${range}`);
  }
  await run(`INSERT INTO "ApplicationRole" ("instanceId", "id", "applicationId", "key", "name") SELECT 'default', ${pad('role_', 'n')}, '${application.id}', 'role-' || n, 'Role ' || n FROM generate_series(0, ${roles - 1}) AS n`);
  await run(`INSERT INTO "OrganizationalUnit" ("instanceId", "id", "parentId", "name", "nameKey", "path") SELECT 'default', ${pad('ou_', 'n')}, 'ou_root', 'Unit ' || n, 'unit ' || n, '/ou_root/' || ${pad('ou_', 'n')} || '/' FROM generate_series(0, ${units - 1}) AS n`);
  await run(`INSERT INTO "Group" ("instanceId", "id", "name", "nameKey") SELECT 'default', ${pad('group_', 'n')}, 'Group ' || n, 'group ' || n FROM generate_series(0, ${units - 1}) AS n`);
  for (let from = 0; from < users; from += 50_000) {
    const range = `generate_series(${from}, ${Math.min(from + 50_000, users) - 1}) AS n`;
    await run(`INSERT INTO "OrganizationalUnitMember" ("instanceId", "userId", "organizationalUnitId", "isPrimary") SELECT 'default', ${pad('user_', 'n')}, ${pad('ou_', `(n % ${units})`)}, true FROM ${range}`);
    await run(`INSERT INTO "GroupMember" ("instanceId", "groupId", "userId") SELECT DISTINCT 'default', ${pad('group_', `((n * 7 + k * 13) % ${units})`)}, ${pad('user_', 'n')} FROM ${range}, generate_series(1, 4) AS k`);
  }
}

async function makeAssignments(): Promise<void> {
  // Each unit and each group has a role, and users have the first of all roles up to the number that was asked for.
  await run(`INSERT INTO "ApplicationRoleAssignment" ("instanceId", "roleId", "organizationalUnitId") SELECT 'default', ${pad('role_', `(n % ${roles})`)}, ${pad('ou_', 'n')} FROM generate_series(0, ${units - 1}) AS n`);
  await run(`INSERT INTO "ApplicationRoleAssignment" ("instanceId", "roleId", "groupId") SELECT 'default', ${pad('role_', `(n % ${roles})`)}, ${pad('group_', 'n')} FROM generate_series(0, ${units - 1}) AS n`);
  for (let from = 0; from < assigned; from += 50_000) {
    await run(`INSERT INTO "ApplicationRoleAssignment" ("instanceId", "roleId", "userId") SELECT 'default', ${pad('role_', `(n / ${users})`)}, ${pad('user_', `(n % ${users})`)} FROM generate_series(${from}, ${Math.min(from + 50_000, assigned) - 1}) AS n`);
  }
  for (const { table, name, definition } of keys) await run(`ALTER TABLE ${table} ADD CONSTRAINT ${name} ${definition}`);
  await run('ANALYZE');
}

if (roleId(0).length !== 31 || userId(0).length !== 31) throw new Error('ids of another form');
answerParent({ makePeople, makeAssignments, applicationId: () => application.id }, async () => {
  await client.end();
  await postgres.stop();
});
