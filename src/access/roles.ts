/** Administrator roles that every instance has. A role is a set of permissions; routes name the one they need. */

export const builtInRoles = {
  /** Everything, and making further administrators. */
  owner: { description: 'May do everything in the instance.', permissions: ['*'] },
} as const satisfies Record<string, { description: string; permissions: readonly string[] }>;

export type BuiltInRole = keyof typeof builtInRoles;
export const roleNames = Object.keys(builtInRoles) as BuiltInRole[];

/** The permissions of roles together; a role that this version does not know gives none. */
export function permissionsOf(roles: readonly string[]): readonly string[] {
  return [...new Set(roles.flatMap((role) => (Object.hasOwn(builtInRoles, role) ? builtInRoles[role as BuiltInRole].permissions : [])))];
}

/** Whether permissions, in which `*` stands for all, hold the one that is needed. */
export const hasPermission = (permissions: readonly string[], needed: string): boolean => permissions.includes('*') || permissions.includes(needed);
