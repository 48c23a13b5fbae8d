/** What the risk of a sign-in is made of, and what follows from it: the section `risk` of the settings, and drafts of it. */
import { z } from 'zod';
import { mergeInto, sparse, type StoredObject } from './stored-values.ts';

/** Names of what is measured; each has a weight. */
export const signalNames = ['new_device', 'new_place', 'impossible_travel', 'bad_address', 'bot_agent', 'velocity_address', 'velocity_name', 'velocity_user', 'failure_burst', 'breached_password'] as const;
export type SignalName = (typeof signalNames)[number];

const weight = (fallback: number) => z.int().min(0).max(100).default(fallback);
const threshold = (fallback: number | null) => z.int().min(1).max(100).nullable().default(fallback);

/** The part that replay can try: it judges measurements, which do not depend on it. */
export const riskPolicyShape = {
  weights: z.strictObject({
    new_device: weight(20).describe('The browser has not signed in to this account before.'),
    new_place: weight(20).describe('The account has not signed in from this country lately (needs GEOIP_FILE).'),
    impossible_travel: weight(40).describe('Nobody travels that fast from the last sign-in (needs GEOIP_FILE).'),
    bad_address: weight(50).describe('The address is on an address list.'),
    bot_agent: weight(30).describe('The browser calls itself a program, or nothing.'),
    velocity_address: weight(20).describe('Many attempts from the address.'),
    velocity_name: weight(20).describe('Many attempts for the name.'),
    velocity_user: weight(20).describe('Many sign-ins of the account.'),
    failure_burst: weight(30).describe('Many failed attempts for the name before this one.'),
    breached_password: weight(30).describe('The password is on the list of leaked ones (needs checkBreachedPasswords).'),
  }).prefault({}).describe('0 to 100; the score is the sum of those that count, at most 100.'),
  limits: z.strictObject({
    travelKilometresPerHour: z.int().min(100).max(100_000).default(1_000),
    attemptsPerAddress: z.int().min(1).max(1_000_000).default(100),
    attemptsPerName: z.int().min(1).max(100_000).default(20),
    signInsPerUser: z.int().min(1).max(100_000).default(20),
    failuresPerName: z.int().min(1).max(100_000).default(5),
  }).prefault({}).describe('From which measure on a signal counts; numbers are of the last ten minutes.'),
  thresholds: z.strictObject({
    notify: threshold(20).describe('The event log says so, and the person is told.'),
    captcha: threshold(null).describe('A captcha has to be solved.'),
    secondFactor: threshold(50).describe('A second factor is demanded.'),
    deny: threshold(90).describe('The sign-in is refused.'),
  }).prefault({}).describe('The score from which on each is asked for; null: never.'),
};

export const riskPolicySchema = z.strictObject(riskPolicyShape).meta({ id: 'RiskPolicy' });
export type RiskPolicy = z.infer<typeof riskPolicySchema>;

/** Only what is to be tried otherwise than the settings have it. */
export const riskDraftSchema = sparse(riskPolicySchema).meta({ id: 'RiskDraft', examples: [{ weights: { new_device: 40 }, thresholds: { secondFactor: 40 } }] });

export function applyRiskDraft({ weights, limits, thresholds }: RiskPolicy, draft: unknown): RiskPolicy {
  return riskPolicySchema.parse(mergeInto(riskPolicySchema, { weights, limits, thresholds }, draft as StoredObject));
}

export const riskSettingsSchema = z.strictObject({
  mode: z.enum(['off', 'observe', 'enforce']).default('observe').describe('off: nothing is measured; observe: assessments are kept and explained, nothing is asked for; enforce: the thresholds hold.'),
  ...riskPolicyShape,
  keepDays: z.int().min(1).max(400).default(90).describe('How long assessments are kept: what is new for a person, and what replay sees.'),
  checkBreachedPasswords: z.boolean().default(false).describe('Ask password.breachedListUrl at sign-in as well; a call to the outside for each.'),
}).prefault({});
