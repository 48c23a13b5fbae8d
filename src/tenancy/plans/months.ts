/** Months as text (`2026-11`), in UTC whatever the server's clock shows. */
export const monthPattern = /^\d{4}-(0[1-9]|1[0-2])$/;

export const monthOf = (time: Date): string => time.toISOString().slice(0, 7);
export const startOfMonth = (month: string): Date => new Date(`${month}-01T00:00:00.000Z`);

/** `by` months later, or earlier. */
export function shiftMonth(month: string, by: number): string {
  const start = startOfMonth(month);
  return monthOf(new Date(Date.UTC(start.getUTCFullYear(), start.getUTCMonth() + by)));
}

/** When what was used this month is used no more. */
export const endOfMonth = (month: string): Date => startOfMonth(shiftMonth(month, 1));
