/** Administrator roles that every instance has. A role is a set of permissions; routes name the one they need. */

interface BuiltIn {
  readonly name: string;
  readonly description: string;
  /** Names of permissions; `*` stands for any part of one, and alone for everything there is and will be. */
  readonly permissions: readonly string[];
}

/** What each may do is written out in docs/administrator-roles.md, from what the server answers. */
export const builtInRoles = {
  owner: {
    name: 'Owner', description: 'Everything in the instance.',
    permissions: ['*'],
  },
  'user-manager': {
    name: 'User manager', description: 'Users, groups, organizational units and sessions. Not administrators, and not what fields users have.',
    permissions: ['directory.users.*', 'directory.groups.*', 'directory.organizational-units.*', 'directory.invitations.*', 'directory.*.read', 'authentication.sessions.*', 'authentication.registrations.*'],
  },
  'application-manager': {
    name: 'Application manager', description: 'Applications and their secrets, APIs, application roles and who has them. Reads whom they can be given to.',
    permissions: ['applications.*', 'access.applications.*', 'access.application-roles.*', 'access.role-assignments.*', 'directory.*.read'],
  },
  auditor: {
    name: 'Auditor', description: 'Reads everything, changes nothing.',
    permissions: ['*.read'],
  },
  'help-desk': {
    name: 'Help desk', description: 'Unlocks users, sends them a link to set a new password, ends their sessions. Never those of administrators.',
    permissions: ['directory.users.read', 'directory.users.unlock', 'directory.users.reset', 'authentication.sessions.read', 'authentication.sessions.manage'],
  },
} as const satisfies Record<string, BuiltIn>;

export type BuiltInRole = keyof typeof builtInRoles;
export const builtInRoleIds = Object.keys(builtInRoles) as BuiltInRole[];

export const isBuiltInRole = (role: string): role is BuiltInRole => Object.hasOwn(builtInRoles, role);

/** The names that the patterns of a built-in role stand for; `*` alone stays, so that it also holds what comes later. */
export function permissionsOfBuiltIn(role: BuiltInRole, known: Iterable<string>): readonly string[] {
  const patterns: readonly string[] = builtInRoles[role].permissions;
  if (patterns.includes('*')) return ['*'];
  const expressions = patterns.filter((pattern) => pattern.includes('*')).map((pattern) => new RegExp(`^${pattern.split('*').map((part) => part.replaceAll('.', '\\.')).join('.+')}$`));
  const matched = [...known].filter((name) => expressions.some((expression) => expression.test(name)));
  return [...new Set([...patterns.filter((pattern) => !pattern.includes('*')), ...matched])].sort();
}

/** Whether permissions, in which `*` stands for all, hold the one that is needed. */
export const hasPermission = (permissions: readonly string[], needed: string): boolean => permissions.includes('*') || permissions.includes(needed);
