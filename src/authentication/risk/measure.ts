/** The signals of one sign-in. Each is measured by itself: what fails counts in full, and never breaks the sign-in. */
import type { SignalName, InstanceContext } from '../../tenancy/index.ts';
import { isKnownBrowser } from '../browsers.ts';
import type { FlowState } from '../flow/store.ts';
import { programOf } from './bots.ts';
import { addressKey, nameKey, readCounters, userKey } from './counters.ts';
import { distanceBetween, type Place, placesOf } from './geoip.ts';
import { loadLists } from './list-cache.ts';
import type { Measurement, Measurements } from './policy.ts';

/** Completed sign-ins that a new one is compared with. */
const comparedSignIns = 20;
/** Positions of addresses are as good as this: nobody travels within it. */
const inexactKilometres = 100;

const unknown: Measurement = { state: 'unknown' };
const yes = (detail?: string): Measurement => ({ state: 'measured', value: 1, ...(detail !== undefined && { detail }) });
const no: Measurement = { state: 'measured', value: 0 };

export interface Measured {
  readonly measurements: Measurements;
  readonly place: Place | undefined;
}

/** Measures everything. `userId` undefined: an account that is yet to be made. */
export async function measure(context: InstanceContext, flow: FlowState, userId: string | undefined): Promise<Measured> {
  const place = await placesOf(context.core).placeOf(context.address);
  const before = once(() => earlierSignIns(context, userId));
  const counters = once(() => countersOf(context, flow, userId));
  const count = (position: 0 | 1 | 2 | 3) => async (): Promise<Measurement> => {
    const value = (await counters())[position];
    return value === undefined ? unknown : { state: 'measured', value };
  };
  const signals: Record<SignalName, () => Promise<Measurement> | Measurement> = {
    async new_device() {
      if (userId === undefined || flow.browserId === null || (await before()).length === 0) return unknown;
      return await isKnownBrowser(context, flow.browserId, userId) ? no : yes();
    },
    async new_place() {
      const countries = (await before()).flatMap(({ country }) => country ?? []);
      if (place === undefined || countries.length === 0) return unknown;
      return countries.includes(place.country) ? no : yes(place.country);
    },
    async impossible_travel() {
      const [last] = (await before()).filter(({ latitude, longitude }) => latitude !== null && longitude !== null);
      if (place?.position === undefined || !last?.completedAt) return unknown;
      const kilometres = distanceBetween({ latitude: last.latitude ?? 0, longitude: last.longitude ?? 0 }, place.position);
      const hours = Math.max(1 / 60, (context.now().getTime() - last.completedAt.getTime()) / 3_600_000);
      return { state: 'measured', value: kilometres <= inexactKilometres ? 0 : kilometres / hours, detail: `${last.country ?? '?'} to ${place.country}, ${Math.round(kilometres)} km in ${hours.toFixed(1)} h` };
    },
    async bad_address() {
      const lists = await loadLists(context);
      if (lists.isEmpty || context.address === undefined) return unknown;
      const name = lists.nameOf(context.address);
      return name === undefined ? no : yes(name);
    },
    bot_agent() {
      if (flow.channel === 'api' && context.userAgent === undefined) return unknown;
      const program = programOf(context.userAgent);
      return program === undefined ? no : yes(program);
    },
    velocity_address: count(0),
    velocity_user: count(1),
    velocity_name: count(2),
    failure_burst: count(3),
    breached_password() {
      const found = (flow.pending.features?.['risk'] as { breached?: unknown } | undefined)?.breached;
      if (found === undefined || context.instance.settings.password.breachedListUrl === null) return unknown;
      // A list that does not answer may hold it.
      return found === 'listed' ? yes() : found === 'not listed' ? no : { state: 'error' };
    },
  };
  const measured = await Promise.all(Object.entries(signals).map(async ([name, run]): Promise<[string, Measurement]> => {
    try {
      return [name, await run()];
    } catch (error) {
      context.core.log.warn({ err: error, instanceId: context.instance.id, signal: name }, 'A risk signal could not be measured');
      return [name, { state: 'error' }];
    }
  }));
  return { measurements: Object.fromEntries(measured), place };
}

/** Newest first. */
async function earlierSignIns(context: InstanceContext, userId: string | undefined) {
  if (userId === undefined) return [];
  return context.db.riskAssessment.findMany({
    where: { userId, completedAt: { not: null } }, orderBy: { id: 'desc' }, take: comparedSignIns,
    select: { country: true, latitude: true, longitude: true, completedAt: true } });
}

/** Attempts of the address, sign-ins of the user, attempts for the name, failures for it. */
async function countersOf(context: InstanceContext, { identifier }: FlowState, userId: string | undefined): Promise<(number | undefined)[]> {
  const names = identifier === undefined ? [] : [nameKey(context, 'attempt_name', identifier), nameKey(context, 'failure_name', identifier)];
  const [address, user, ...ofName] = await readCounters(context, [addressKey(context, 'attempt_address'), userId === undefined ? addressKey(context, 'attempt_address') : userKey(context, userId), ...names]);
  return [address, userId === undefined ? undefined : user, ...ofName];
}

function once<Value>(run: () => Promise<Value>): () => Promise<Value> {
  let running: Promise<Value> | undefined;
  return () => (running ??= run());
}
