import type { ApplicationRole as ApplicationRoleRow } from '../../generated/prisma/client.ts';
import { omit } from '../../core/omit.ts';

/** A role of an application. What it allows, the application knows. */
export type ApplicationRole = Omit<ApplicationRoleRow, 'instanceId'>;

export const fromRow = (row: ApplicationRoleRow): ApplicationRole => omit(row, 'instanceId');

/** As the REST API and the event log show it. */
export function viewRole(role: ApplicationRole) {
  return { ...omit(role, 'version'), createdAt: role.createdAt.toISOString(), updatedAt: role.updatedAt.toISOString() };
}
