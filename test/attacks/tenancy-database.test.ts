/** The walls between instances as the sources and the database have them, without a server. */
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { scopedModels } from '../../src/core/database.ts';
import { createTestDatabase } from '../support/database.ts';
import { readSources, type SourceFile } from './test-files.ts';

/**
 * Who may hold the unscoped client: core and tenancy, and by name
 * - the provider's rows, read in batches over all instances (each statement carries the instance with each key),
 * - the rows of live sessions, likewise,
 * - effective application roles, likewise, and the look for role batches that stand still,
 * - the event log's seals, partitions and readers, which work behind all instances,
 * - the first start and the operator's commands, which are for no instance.
 */
const mayBeUnscoped = [/^src\/core\//, /^src\/tenancy\//, /^src\/protocols\/oidc\/adapter\.ts$/, /^src\/authentication\/session-rows\.ts$/, /^src\/access\/application-roles\/(effective-rows|stalled-batches)\.ts$/, /^src\/directory\/(membership-rows|groups\/stalled-runs)\.ts$/, /^src\/events\/(seal|anchors|partitions|readers|verify|resign|chain-head|stored-event)\.ts$/, /^src\/bootstrap\//, /^src\/operator(\/|\.ts$)/];

/** Tables that lie outside of all instances. */
const outside = new Set(['Instance', 'ServerRecord', 'Plan', '_prisma_migrations', 'PosternMigration']);

let sources: SourceFile[];
let database: Awaited<ReturnType<typeof createTestDatabase>>;
let client: pg.Client;
beforeAll(async () => {
  sources = await readSources(['src'], (file) => !file.endsWith('.test.ts') && !file.includes('/testing/'));
  database = await createTestDatabase(inject('postgresUrl'));
  client = new pg.Client({ connectionString: database.url });
  await client.connect();
  await client.query(`INSERT INTO "Instance" (id, name, "updatedAt") VALUES ('a', 'A', now()), ('b', 'B', now())`);
});
afterAll(async () => {
  await client.end();
  await database.drop();
});

const withoutComments = (text: string) => text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '$1');

describe('attack: tenant.raw-paths', () => {
  it('no file but the named ones holds the unscoped client or the statements for batches', () => {
    const holders = sources.filter(({ text }) => /\b(?:core|this)\.(?:database|batches)\b|\bPrismaClient\b|\bopenDatabase\b|new pg\.|from 'pg'/.test(withoutComments(text))).map(({ file }) => file);
    expect(holders.filter((file) => !mayBeUnscoped.some((allowed) => allowed.test(file)) && file !== 'src/create-core.ts' && file !== 'src/main.ts')).toEqual([]);
  });

  it('destructuring does not hide it either', () => {
    const hidden = sources.filter(({ file, text }) => !mayBeUnscoped.some((allowed) => allowed.test(file)) && file !== 'src/create-core.ts'
      && /\{[^{}\n]*\b(?:database|batches)\b[^{}\n]*\}\s*=\s*[\w.]*core\b/.test(withoutComments(text)));
    expect(hidden.map(({ file }) => file)).toEqual([]);
  });

  it('raw SQL names the instance in every statement that touches a scoped table', () => {
    const forgotten = sources.filter(({ file }) => !/^src\/(core|events|operator)\//.test(file)).flatMap(({ file, text }) => sqlStatements(text)
      .filter((sql) => tablesIn(sql).length > 0 && !sql.includes('"instanceId"'))
      .map((sql) => `${file}: ${sql.trim().slice(0, 100)}`));
    expect(forgotten).toEqual([]);
    expect(sources.flatMap(({ text }) => sqlStatements(text).filter((sql) => tablesIn(sql).length > 0)).length).toBeGreaterThan(10);
  });

  it('a job without an instance is no job', () => {
    const enqueues = sources.flatMap(({ file, text }) => [...withoutComments(text).matchAll(/jobs\.enqueue(?:All)?\(([^;]*?)\);/g)].map(([, call = '']) => ({ file, call })));
    expect(enqueues.length).toBeGreaterThan(0);
    expect(enqueues.filter(({ call }) => !call.includes('instanceId'))).toEqual([]);
  });

  it('every table is known: scoped, or outside of all instances', async () => {
    const tables = await names(`SELECT c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition`);
    expect(tables.filter((table) => !scopedModels.has(table) && !outside.has(table))).toEqual([]);
    for (const table of scopedModels) expect(tables).toContain(table);
  });

  it.each([...scopedModels].sort())('%s: its key begins with the instance, and no row is without one', async (table) => {
    const [first] = await names(`SELECT a.attname AS name FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0] WHERE i.indrelid = '"${table}"'::regclass AND i.indisprimary`);
    expect(first).toBe('instanceId');
    const guards = await names(`SELECT conname AS name FROM pg_constraint WHERE conrelid = '"${table}"'::regclass
      AND (contype = 'f' OR (contype = 'c' AND pg_get_constraintdef(oid) LIKE '%"instanceId" <> %'))`);
    expect(guards.length).toBeGreaterThan(0);
  });

  it.each([...scopedModels].sort())('%s: no row moves to another instance', async (table) => {
    await inRolledBack(async () => {
      await insertRow(table, 'a');
      await expect(client.query(`UPDATE "${table}" SET "instanceId" = 'b'`)).rejects.toMatchObject({ code: expect.stringMatching(/^23/) as string });
    });
  });

  it('each foreign key carries the instance on both sides', async () => {
    const { rows } = await client.query<{ name: string; definition: string }>(`
      SELECT conname AS name, pg_get_constraintdef(oid) AS definition FROM pg_constraint WHERE contype = 'f' AND connamespace = 'public'::regnamespace AND conparentid = 0`);
    expect(rows.length).toBeGreaterThan(25);
    for (const { name, definition } of rows) {
      const isToInstance = /REFERENCES "Instance"\(id\)/.test(definition);
      expect([name, isToInstance || /FOREIGN KEY \("instanceId"(, "?\w+"?)+\) REFERENCES "\w+"\("instanceId"(, "?\w+"?)+\)/.test(definition)]).toEqual([name, true]);
    }
  });

  it('a reference to a row of another instance is refused, on every foreign key', async () => {
    const { rows: keys } = await client.query<{ table: string; column: string; target: string }>(`
      SELECT c.conrelid::regclass::text AS table, a.attname AS column, c.confrelid::regclass::text AS target
        FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[array_length(c.conkey, 1)]
       WHERE c.contype = 'f' AND c.connamespace = 'public'::regnamespace AND array_length(c.conkey, 1) = 2`);
    expect(keys.length).toBeGreaterThan(15);
    for (const { table, column, target } of keys) {
      await inRolledBack(async () => {
        const own = await insertRow(unquoted(target), 'a');
        const foreign = await insertRow(unquoted(target), 'b');
        await insertRow(unquoted(table), 'a', { [column]: own });
        await client.query('SAVEPOINT crossing');
        await expect(insertRow(unquoted(table), 'a', { [column]: foreign }), `${table}.${column}`).rejects.toMatchObject({ code: '23503' });
        await client.query('ROLLBACK TO crossing');
        // Where two columns must be equal, a check says so first.
        await expect(client.query(`UPDATE ${table} SET "${column}" = $1 WHERE "instanceId" = 'a'`, [foreign]), `${table}.${column}`).rejects.toMatchObject({ code: expect.stringMatching(/^23(503|514)$/) as string });
      });
    }
  });
});

async function names(sql: string): Promise<string[]> {
  return (await client.query<{ name: string }>(sql)).rows.map(({ name }) => name);
}

async function inRolledBack(work: () => Promise<void>): Promise<void> {
  await client.query('BEGIN');
  try {
    await work();
  } finally {
    await client.query('ROLLBACK');
  }
}

const unquoted = (name: string) => name.replaceAll('"', '');

/** What a table's checks and keys of several columns need beside the rest. */
const alsoNeeded: Record<string, (instanceId: string, given: Record<string, unknown>) => Promise<Record<string, unknown>>> = {
  ApplicationAccess: oneSubject,
  ApplicationRoleAssignment: oneSubject,
  ApplicationAccessSettings: async () => ({ mode: 'assigned' }),
  AdministratorAssignment: async (_instanceId, { customRoleId }) => (customRoleId === undefined ? {} : { role: customRoleId }),
  RememberedDevice: async (_instanceId, { browserId }) => (browserId === undefined ? { tokenHash: `token-${rowNumber}` } : {}),
  FlowHook: async () => ({ onFailure: 'deny', timeoutMs: 3_000, callsPerMinute: 100 }),
  FlowHookCall: async () => ({ status: 'answered' }),
  NotificationGateway: async () => ({ channel: 'email', kind: 'smtp' }),
  NotificationTemplate: async () => ({ channel: 'email' }),
  NotificationMessage: async () => ({ channel: 'email' }),
  Recovery: async () => ({ channel: 'email' }),
  RecoveryRequest: async () => ({ kind: 'passkey' }),
  AddressChange: async () => ({ channel: 'email' }),
  RiskAssessment: async () => ({ score: 0, action: 'allow' }),
  async TermsAcceptance(instanceId) {
    const documentId = await insertRow('TermsDocument', instanceId);
    await insertRow('TermsVersion', instanceId, { documentId, number: 1 });
    return { documentId, number: 1 };
  },
  async AdministratorLimit(instanceId) {
    const [userId, role] = [await insertRow('User', instanceId), 'auditor'];
    await insertRow('AdministratorAssignment', instanceId, { userId, role });
    return { userId, role };
  },
};

async function oneSubject(instanceId: string, given: Record<string, unknown>): Promise<Record<string, unknown>> {
  return ['userId', 'groupId', 'organizationalUnitId'].some((column) => column in given) ? {} : { userId: await insertRow('User', instanceId) };
}

let rowNumber = 0;
/** Inserts a row with whatever its columns need, and the rows that it refers to. Returns its id. */
async function insertRow(table: string, instanceId: string, given: Record<string, unknown> = {}): Promise<string> {
  const { rows: columns } = await client.query<{ name: string; type: string; optional: boolean }>(`
    SELECT a.attname AS name, format_type(a.atttypid, NULL) AS type, (NOT a.attnotnull OR a.atthasdef) AS optional
      FROM pg_attribute a WHERE a.attrelid = $1::regclass AND a.attnum > 0 AND NOT a.attisdropped`, [`"${table}"`]);
  const { rows: references } = await client.query<{ column: string; target: string }>(`
    SELECT a.attname AS column, c.confrelid::regclass::text AS target FROM pg_constraint c
      JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[array_length(c.conkey, 1)]
     WHERE c.conrelid = $1::regclass AND c.contype = 'f' AND array_length(c.conkey, 1) = 2`, [`"${table}"`]);
  rowNumber += 1;
  const values: Record<string, unknown> = { instanceId, ...await alsoNeeded[table]?.(instanceId, given), ...given };
  for (const { name, type, optional } of columns) {
    if (name in values || (optional && name !== 'id')) continue;
    const reference = references.find(({ column }) => column === name);
    values[name] = reference ? await insertRow(unquoted(reference.target), instanceId) : valueOf(type);
  }
  const entries = Object.entries(values);
  await client.query(`INSERT INTO "${table}" (${entries.map(([name]) => `"${name}"`).join(', ')}) VALUES (${entries.map((_entry, place) => `$${place + 1}`).join(', ')})`, entries.map(([, value]) => value));
  return String(values['id'] ?? values['hash'] ?? values['key'] ?? '');
}

function valueOf(type: string): unknown {
  switch (type) {
    case 'text': return `value-${rowNumber}`;
    case 'integer': case 'bigint': return rowNumber;
    case 'boolean': return false;
    case 'jsonb': return '{}';
    case 'bytea': return Buffer.from('x');
    default:
      if (type.startsWith('timestamp')) return new Date();
      if (type.endsWith('[]')) return [];
      throw new Error(`no value for a column of type ${type}`);
  }
}

/** Template literals and strings that look like SQL. */
function sqlStatements(text: string): string[] {
  return [...withoutComments(text).matchAll(/`([^`]*)`|'([^'\n]*)'/g)].map(([, template, plain]) => template ?? plain ?? '')
    .filter((sql) => /\b(SELECT|INSERT INTO|UPDATE|DELETE FROM|LOCK TABLE)\b[\s\S]*("\w+"|FROM)/.test(sql));
}

const tablesIn = (sql: string) => [...sql.matchAll(/"(\w+)"/g)].map(([, name = '']) => name).filter((name) => scopedModels.has(name));
