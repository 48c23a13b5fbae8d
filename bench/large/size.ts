/** How much there is of everything in an instance of so many users; the same for each user whatever the size. */
export interface LargeSize {
  readonly users: number;
  readonly organizationalUnits: number;
  readonly groups: number;
  /** Of units and groups together: each user is in one unit and four groups. */
  readonly memberships: number;
  readonly assignments: number;
}

export const applicationCount = 20;
export const rolesOfEach = 50;
/** Far from each other: each a quarter of all groups behind the one before. */
export const groupsOfUser = 4;

export function sizeFor(users: number): LargeSize {
  const units = Math.max(10, Math.round(users / 100));
  return { users, organizationalUnits: units, groups: units, memberships: users * (groupsOfUser + 1), assignments: users * 2 };
}

/** Ten units under the root, ten under each of them, and so on: the first has a ninth of all below it. */
export const parentOf = (unit: number): number | undefined => (unit < 10 ? undefined : Math.floor((unit - 10) / 10));
