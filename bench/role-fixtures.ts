/** What the measurement of roles is made on. */
export interface RoleFixtures { readonly users: number; readonly roles: number; /** Assignments to users before anything is measured. */ readonly assigned: number }

const pad = (prefix: string, number: number) => `${prefix}_${String(number).padStart(26, '0')}`;
export const userId = (number: number) => pad('user', number);
export const roleId = (number: number) => pad('role', number);
export const roleKey = (number: number) => `role-${number}`;
