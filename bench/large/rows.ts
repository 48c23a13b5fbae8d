/** The rows of a large instance, in the order of their primary keys and in the text form of COPY. */
import { newId, type IdPrefix } from '../../src/core/ids.ts';
import { foldIdentifier } from '../../src/directory/index.ts';
import { familyName, givenName } from './names.ts';
import { groupsOfUser, type LargeSize, parentOf } from './size.ts';

/** Ids in the order of their numbers, as if one had been made each millisecond. */
export function makeIds(prefix: IdPrefix, count: number, from: number): string[] {
  return Array.from({ length: count }, (_value, index) => newId(prefix, from + index));
}

export interface Ids {
  readonly users: readonly string[];
  readonly organizationalUnits: readonly string[];
  readonly groups: readonly string[];
  readonly roles: readonly string[];
}

type Row = readonly (string | number | boolean | null)[];
export interface Table { readonly name: string; readonly columns: readonly string[]; readonly rows: () => Iterable<Row> }

const at = (list: readonly string[], index: number): string => list[index] ?? '';

export function tablesOf(instanceId: string, size: LargeSize, ids: Ids, now: string): Table[] {
  const { users, organizationalUnits: units, groups, roles } = ids;

  function* userRows(): Iterable<Row> {
    for (let user = 0; user < size.users; user += 1) {
      const [given, family] = [givenName(user), familyName(user)];
      const username = `${given}.${family}.${user}`.toLowerCase();
      const email = `${username}@example.com`;
      yield [instanceId, at(users, user), username, foldIdentifier(username), `${given} ${family}`, given, family, email, foldIdentifier(email), true,
        `+4915${String(100_000_000 + user)}`, false, 'DE', `E${user}`, 'import', 'bench', now, now];
    }
  }
  function* unitRows(): Iterable<Row> {
    const paths: string[] = [];
    for (let unit = 0; unit < size.organizationalUnits; unit += 1) {
      const parent = parentOf(unit);
      const above = parent === undefined ? '/ou_root/' : paths[parent] ?? '';
      paths.push(`${above}${at(units, unit)}/`);
      yield [instanceId, at(units, unit), parent === undefined ? 'ou_root' : at(units, parent), `Unit ${unit}`, foldIdentifier(`Unit ${unit}`), paths[unit] ?? '', unit % 10, now, now];
    }
  }
  function* unitMemberRows(): Iterable<Row> {
    for (let user = 0; user < size.users; user += 1) yield [instanceId, at(users, user), at(units, user % size.organizationalUnits), true, now];
  }
  function* groupRows(): Iterable<Row> {
    for (let group = 0; group < size.groups; group += 1) yield [instanceId, at(groups, group), `Group ${group}`, foldIdentifier(`Group ${group}`), 'static', now, now];
  }
  function* memberRows(): Iterable<Row> {
    const step = Math.floor(size.groups / groupsOfUser);
    for (let group = 0; group < size.groups; group += 1) {
      const firsts = Array.from({ length: groupsOfUser }, (_value, place) => (group - place * step + size.groups) % size.groups).sort((left, right) => left - right);
      for (let base = 0; base < size.users; base += size.groups) {
        for (const first of firsts) if (base + first < size.users) yield [instanceId, at(groups, group), at(users, base + first), now];
      }
    }
  }
  /** The last tenth of the groups is within the first. */
  function* nestingRows(): Iterable<Row> {
    const tenth = Math.floor(size.groups / 10);
    for (let group = 0; group < tenth; group += 1) yield [instanceId, at(groups, group), at(groups, size.groups - tenth + group), now];
  }
  function* assignmentRows(): Iterable<Row> {
    const toUsers = size.assignments - size.groups - size.organizationalUnits;
    for (let role = 0; role < roles.length; role += 1) {
      const id = at(roles, role);
      for (let group = role; group < size.groups; group += roles.length) yield [instanceId, id, null, at(groups, group), null, false, now];
      for (let unit = role; unit < size.organizationalUnits; unit += roles.length) yield [instanceId, id, null, null, at(units, unit), true, now];
      for (let index = role; index < toUsers; index += roles.length) yield [instanceId, id, at(users, Math.floor(index / 2)), null, null, false, now];
    }
  }

  return [
    { name: 'User', rows: userRows, columns: ['instanceId', 'id', 'username', 'usernameKey', 'displayName', 'givenName', 'familyName', 'email', 'emailKey', 'emailVerified', 'phone', 'phoneVerified', 'phoneRegion', 'externalId', 'sourceType', 'sourceId', 'createdAt', 'updatedAt'] },
    { name: 'OrganizationalUnit', rows: unitRows, columns: ['instanceId', 'id', 'parentId', 'name', 'nameKey', 'path', 'position', 'createdAt', 'updatedAt'] },
    { name: 'OrganizationalUnitMember', rows: unitMemberRows, columns: ['instanceId', 'userId', 'organizationalUnitId', 'isPrimary', 'createdAt'] },
    { name: 'Group', rows: groupRows, columns: ['instanceId', 'id', 'name', 'nameKey', 'kind', 'createdAt', 'updatedAt'] },
    { name: 'GroupMember', rows: memberRows, columns: ['instanceId', 'groupId', 'userId', 'createdAt'] },
    { name: 'GroupNesting', rows: nestingRows, columns: ['instanceId', 'groupId', 'childGroupId', 'createdAt'] },
    { name: 'ApplicationRoleAssignment', rows: assignmentRows, columns: ['instanceId', 'roleId', 'userId', 'groupId', 'organizationalUnitId', 'withDescendants', 'createdAt'] },
  ];
}
