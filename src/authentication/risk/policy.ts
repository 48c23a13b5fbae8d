/** From measurements to a score, its reasons, and what it asks for. Pure: replay runs the same over what was stored. */
import { z } from 'zod';
import { type RiskPolicy, type SignalName, signalNames } from '../../tenancy/index.ts';

/**
 * What one signal found. `unknown`: there is nothing to look at (no file of places, the first sign-in): counts nothing.
 * `error`: it could not be found out; counts in full, for an error must never open a door.
 */
const measurementSchema = z.discriminatedUnion('state', [
  z.object({ state: z.literal('measured'), value: z.number(), detail: z.string().optional() }),
  z.object({ state: z.literal('unknown') }),
  z.object({ state: z.literal('error') }),
]);
export type Measurement = z.infer<typeof measurementSchema>;
export type Measurements = Readonly<Partial<Record<SignalName, Measurement>>>;
export const measurementsSchema = z.partialRecord(z.enum(signalNames), measurementSchema);

/** Loosest first. */
export const riskActions = ['allow', 'notify', 'captcha', 'second_factor', 'deny'] as const;
export type RiskAction = (typeof riskActions)[number];

export interface Reason {
  readonly signal: SignalName;
  readonly weight: number;
  /** For people. */
  readonly text: string;
}

export interface Judgement {
  readonly score: number;
  readonly reasons: readonly Reason[];
  /** Everything that the score asks for, `allow` for nothing. */
  readonly actions: readonly RiskAction[];
  /** The strictest of them. */
  readonly action: RiskAction;
}

/** A signal that was not measured at all counts like one that failed. */
export function judge(measurements: Measurements, policy: Pick<RiskPolicy, 'weights' | 'limits' | 'thresholds'>): Judgement {
  const reasons = signalNames.flatMap((signal): Reason[] => {
    const measurement = measurements[signal] ?? { state: 'error' };
    const weight = policy.weights[signal];
    return weight > 0 && counts(measurement, limitOf(signal, policy.limits)) ? [{ signal, weight, text: explain(signal, measurement, policy.limits) }] : [];
  });
  const score = Math.min(100, reasons.reduce((sum, { weight }) => sum + weight, 0));
  const { notify, captcha, secondFactor, deny } = policy.thresholds;
  const asked = (Object.entries({ notify, captcha, second_factor: secondFactor, deny }) as [RiskAction, number | null][])
    .flatMap(([action, threshold]) => (threshold !== null && score >= threshold ? [action] : []));
  const actions = asked.length > 0 ? asked : (['allow'] as const);
  return { score, reasons, actions, action: strictest(actions) };
}

export const strictest = (actions: readonly RiskAction[]): RiskAction => riskActions.findLast((action) => actions.includes(action)) ?? 'allow';

/** A value that is no number says nothing, so it counts. */
const counts = (measurement: Measurement, limit: number): boolean =>
  measurement.state === 'error' || (measurement.state === 'measured' && !(measurement.value < limit));

function limitOf(signal: SignalName, limits: RiskPolicy['limits']): number {
  switch (signal) {
    case 'impossible_travel': return limits.travelKilometresPerHour;
    case 'velocity_address': return limits.attemptsPerAddress;
    case 'velocity_name': return limits.attemptsPerName;
    case 'velocity_user': return limits.signInsPerUser;
    case 'failure_burst': return limits.failuresPerName;
    default: return 1;
  }
}

function explain(signal: SignalName, measurement: Measurement, limits: RiskPolicy['limits']): string {
  if (measurement.state !== 'measured') return `${signal} could not be found out`;
  const { value, detail } = measurement;
  const many = (what: string) => `${Math.round(value)} ${what} in ten minutes (from ${limitOf(signal, limits)} on)`;
  switch (signal) {
    case 'new_device': return 'a browser that has not signed in to this account before';
    case 'new_place': return `a country that the account has not signed in from lately: ${detail ?? '?'}`;
    case 'impossible_travel': return `${Math.round(value)} km/h from the last sign-in: ${detail ?? '?'}`;
    case 'bad_address': return `an address on the list ${detail ?? '?'}`;
    case 'bot_agent': return `a user agent that is a program: ${detail ?? '?'}`;
    case 'velocity_address': return many('attempts from the address');
    case 'velocity_name': return many('attempts for the name');
    case 'velocity_user': return many('sign-ins of the account');
    case 'failure_burst': return many('failed attempts for the name');
    case 'breached_password': return 'a password on the list of leaked ones';
  }
}
