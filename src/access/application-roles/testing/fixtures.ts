/** People, groups and units for tests of application roles. */
import { createApplication } from '../../../applications/index.ts';
import { newId } from '../../../core/ids.ts';
import { foldIdentifier } from '../../../directory/index.ts';
import { type InstanceContext, withPrincipal } from '../../../tenancy/index.ts';

export async function makeApplication(context: InstanceContext, name = 'Newsroom'): Promise<string> {
  return (await createApplication(withPrincipal(context, { kind: 'system' }), { name, kind: 'machine' })).application.id;
}

let serial = 0;

export interface MadeUser { readonly id: string; readonly username: string; readonly email: string; readonly externalId: string }

/** Users in one statement; their names begin with `prefix`. */
export async function makeUsers(context: InstanceContext, count: number, prefix = 'person'): Promise<MadeUser[]> {
  const users = Array.from({ length: count }, (): MadeUser => {
    serial += 1;
    return { id: newId('user'), username: `${prefix}.${serial}`, email: `${prefix}.${serial}@example.com`, externalId: `E-${prefix}-${serial}` };
  });
  await context.db.$executeRaw`
    INSERT INTO "User" ("instanceId", "id", "username", "usernameKey", "displayName", "email", "emailKey", "emailVerified", "externalId")
    SELECT ${context.instance.id}, w.id, w.name, w.name_key, w.name, w.email, w.email_key, true, w.external_id
    FROM unnest(${users.map(({ id }) => id)}::text[], ${users.map(({ username }) => username)}::text[], ${users.map(({ username }) => foldIdentifier(username))}::text[],
      ${users.map(({ email }) => email)}::text[], ${users.map(({ email }) => foldIdentifier(email))}::text[], ${users.map(({ externalId }) => externalId)}::text[]) AS w(id, name, name_key, email, email_key, external_id)`;
  return users;
}

/** An organizational unit below another one; returns its id. */
export async function makeUnit(context: InstanceContext, name: string, parent: { id: string; path: string } = { id: 'ou_root', path: '/ou_root/' }): Promise<{ id: string; path: string }> {
  const id = newId('ou');
  const path = `${parent.path}${id}/`;
  await context.db.organizationalUnit.create({ data: { id, parentId: parent.id, name, nameKey: `${name}-${id}`.toLowerCase(), path } });
  return { id, path };
}

export async function putInUnit(context: InstanceContext, userId: string, organizationalUnitId: string): Promise<void> {
  await context.db.organizationalUnitMember.create({ data: { userId, organizationalUnitId } });
}

export async function makeGroup(context: InstanceContext, name: string, members: readonly string[] = [], nestedIn?: string): Promise<string> {
  const id = newId('group');
  await context.db.group.create({ data: { id, name, nameKey: `${name}-${id}`.toLowerCase() } });
  await context.db.groupMember.createMany({ data: members.map((userId) => ({ groupId: id, userId })) });
  if (nestedIn !== undefined) await context.db.groupNesting.create({ data: { groupId: nestedIn, childGroupId: id } });
  return id;
}
