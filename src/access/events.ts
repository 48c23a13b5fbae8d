/** What happens to administrators and their roles, in the words of the log. */
import type { NewEvent } from '../events/index.ts';
import type { AdministratorRole } from './administrator-roles.ts';

/** Null: everywhere. */
export interface AssignedRole { readonly role: string; readonly organizationalUnitIds: readonly string[] | null }

export const roleAssigned = (userId: string, after: AssignedRole): NewEvent => ({ type: 'administrator.assigned', subject: { type: 'user', id: userId }, after });
export const roleLimitChanged = (userId: string, before: AssignedRole, after: AssignedRole): NewEvent => ({ type: 'administrator.limited', subject: { type: 'user', id: userId }, before, after });
export const roleRemoved = (userId: string, before: AssignedRole): NewEvent => ({ type: 'administrator.removed', subject: { type: 'user', id: userId }, before });

const roleEvent = (type: string, { before, after }: { before?: AdministratorRole; after?: AdministratorRole }): NewEvent => ({
  type, subject: { type: 'administrator_role', id: (after ?? before)?.id ?? '' }, ...(before && { before }), ...(after && { after }) });

export const administratorRoleCreated = (after: AdministratorRole) => roleEvent('administrator_role.created', { after });
export const administratorRoleUpdated = (before: AdministratorRole, after: AdministratorRole) => roleEvent('administrator_role.updated', { before, after });
export const administratorRoleDeleted = (before: AdministratorRole) => roleEvent('administrator_role.deleted', { before });
