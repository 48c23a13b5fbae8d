/** What a timestamp says, in UTC or in a named time zone. Months, days of the month and of the year count from 0 (CEL). */
import type { Budget } from './budget.ts';
import { EvaluationFailure, type Value } from './values.ts';

const methods: Readonly<Record<string, (local: Date) => number>> = {
  getFullYear: (local) => local.getUTCFullYear(),
  getMonth: (local) => local.getUTCMonth(),
  getDate: (local) => local.getUTCDate(),
  getDayOfMonth: (local) => local.getUTCDate() - 1,
  getDayOfWeek: (local) => local.getUTCDay(),
  getDayOfYear: (local) => Math.floor((local.getTime() - Date.UTC(local.getUTCFullYear(), 0, 1)) / 86_400_000),
  getHours: (local) => local.getUTCHours(),
  getMinutes: (local) => local.getUTCMinutes(),
  getSeconds: (local) => local.getUTCSeconds(),
};

export const timestampMethods: readonly string[] = Object.keys(methods);

export function readTimestamp(name: string, time: Date, zone: Value | undefined, budget: Budget): bigint {
  const read = methods[name];
  if (!read) throw new EvaluationFailure(`A timestamp has no ${name}().`);
  return BigInt(read(zone === undefined ? time : inZone(time, zone, budget)));
}

/** The wall clock of the zone, written as if it were UTC. */
function inZone(time: Date, zone: Value, budget: Budget): Date {
  budget.spend(500);
  if (typeof zone !== 'string' || zone.length > 64) throw new EvaluationFailure('A time zone is a name such as "Europe/Berlin".');
  let format: Intl.DateTimeFormat;
  try {
    format = new Intl.DateTimeFormat('en-US', { timeZone: zone, hourCycle: 'h23', year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric' });
  } catch {
    throw new EvaluationFailure(`"${zone}" is no time zone; a name such as "Europe/Berlin" is.`);
  }
  const part = Object.fromEntries(format.formatToParts(time).map(({ type, value }) => [type, Number(value)]));
  return new Date(Date.UTC(part['year'] ?? 0, (part['month'] ?? 1) - 1, part['day'] ?? 1, part['hour'] ?? 0, part['minute'] ?? 0, part['second'] ?? 0));
}
