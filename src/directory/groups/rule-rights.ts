import { denied } from '../../core/errors.ts';
import type { InstanceContext } from '../../tenancy/index.ts';

/**
 * Who makes a rule, or tries one, learns of users what the rule asks: so it takes the right to read them.
 * @throws Problem 403
 */
export function rejectRuleBeyondRights({ principal }: InstanceContext): void {
  if (principal.kind === 'system' || principal.kind === 'operator') return;
  const hasScope = principal.kind !== 'anonymous' && principal.scopes.includes('user:read');
  const hasPermission = principal.kind !== 'user' || principal.permissions.some((permission) => permission === '*' || permission === 'directory.users.read');
  if (!hasScope || !hasPermission) throw denied('A rule tells of users: it needs the scope user:read and, for an administrator, the permission directory.users.read.');
}
