/** What happens to administrators, in the words of the log. */
import type { NewEvent } from '../events/index.ts';

export const roleAssigned = (userId: string, role: string): NewEvent => ({ type: 'administrator.assigned', subject: { type: 'user', id: userId }, after: { role } });
export const roleRemoved = (userId: string, role: string): NewEvent => ({ type: 'administrator.removed', subject: { type: 'user', id: userId }, before: { role } });
