/** Settings and branding of an instance: typed values with defaults, the only form in which they are stored or read. */
import { z } from 'zod';
import { idPattern } from '../core/ids.ts';

const seconds = (minimum: number, maximum: number, fallback: number) => z.int().min(minimum).max(maximum).default(fallback);

export const instanceSettingsSchema = z.strictObject({
  defaultLocale: z.enum(['en', 'zh-CN']).default('en').describe('Language of pages where neither the request nor the browser names one.'),
  session: z.strictObject({
    idleSeconds: seconds(300, 2_592_000, 28_800).describe('A session ends after this time without use.'),
    absoluteSeconds: seconds(600, 31_536_000, 604_800).describe('A session ends at this age in any case.'),
    rememberSeconds: seconds(600, 31_536_000, 2_592_000).describe('Both limits for "keep me signed in".'),
    allowRemember: z.boolean().default(true),
  }).prefault({}),
  password: z.strictObject({
    minimumLength: z.int().min(8).max(128).default(10),
    minimumStrength: z.int().min(0).max(4).default(2).describe('zxcvbn score, 0 to 4.'),
    historyCount: z.int().min(0).max(24).default(5).describe('How many earlier passwords may not come back.'),
    maximumAgeDays: z.int().min(0).max(3650).default(0).describe('Days until a password must be changed; 0: never.'),
    breachedListUrl: z.url({ protocol: /^https$/ }).nullable().default(null).describe('A range service in the form of Have I Been Pwned (first five SHA-1 digits); null: off.'),
  }).prefault({}),
  lockout: z.strictObject({
    failuresPerAccount: z.int().min(3).max(100).default(10).describe('Wrong passwords for one name from unknown browsers until they wait.'),
    failuresPerAddress: z.int().min(10).max(10_000).default(100),
    windowSeconds: seconds(60, 86_400, 900),
    blockSeconds: seconds(30, 86_400, 900),
  }).prefault({}),
  disclose: z.enum(['none', 'methods', 'accounts']).default('none').describe('What a page tells of an account before a proof.'),
  acrNames: z.record(z.string().min(1).max(200), z.enum(['urn:postern:acr:single', 'urn:postern:acr:multi', 'urn:postern:acr:phishing-resistant'])).default({})
    .describe('Names that applications send in acr_values, mapped to our levels.'),
  tokens: z.strictObject({
    accessTokenSeconds: seconds(60, 86_400, 1_200),
    authorizationCodeSeconds: seconds(10, 600, 60),
    idTokenSeconds: seconds(60, 86_400, 300),
    refreshTokenSeconds: seconds(600, 31_536_000, 86_400),
    deviceCodeSeconds: seconds(60, 3_600, 600),
  }).prefault({}),
  users: z.strictObject({
    recycleDays: z.int().min(0).max(365).default(30).describe('Days in which a deleted user can be restored; 0: erased at once.'),
  }).prefault({}),
  dynamicRegistration: z.strictObject({
    enabled: z.boolean().default(false),
  }).prefault({}),
  rateLimit: z.strictObject({
    applicationPerSecond: z.int().min(1).max(100_000).default(100),
    applicationBurst: z.int().min(1).max(100_000).default(100),
    addressPerSecond: z.int().min(1).max(100_000).default(50),
    addressBurst: z.int().min(1).max(100_000).default(200),
  }).prefault({}),
  networkAccess: z.strictObject({
    managementZoneIds: z.array(z.string().regex(idPattern('zone'), 'must be the id of a network zone')).max(20).default([])
      .describe('Network zones from which the console and the APIs of this instance may be used; empty: from everywhere. Refused when it leaves out your own address.'),
  }).prefault({}),
  accessPolicy: z.strictObject({
    defaultEffect: z.enum(['allow', 'deny']).default('allow').describe('What holds where no access policy matches. Refused when it locks every owner out.'),
  }).prefault({}),
  keys: z.strictObject({
    rotationDays: z.int().min(0).max(3650).default(90).describe('Signing keys are replaced at this age; 0: only by hand.'),
  }).prefault({}),
});
export type InstanceSettings = z.infer<typeof instanceSettingsSchema>;

const colour = z.string().regex(/^#[0-9a-fA-F]{6}$/, 'must be a colour such as #0b5fff');
const httpsLink = z.url({ protocol: /^https$/, hostname: z.regexes.domain }).max(500).refine((text) => !/^[^/]*\/\/[^/?#]*@/.test(text), 'must not have a user name in it');
const plainText = (length: number) => z.string().max(length).regex(/^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}<>]*$/u, 'must be plain text without markup or control characters');

export const brandingSchema = z.strictObject({
  displayName: plainText(80).nullable().default(null).describe('Shown on the pages; null: the name of the instance.'),
  primaryColour: colour.default('#0b5fff'),
  font: z.enum(['system', 'serif', 'mono']).default('system'),
  welcomeText: plainText(300).nullable().default(null),
  logoHash: z.string().regex(/^[a-f0-9]{64}$/).nullable().default(null).describe('Set by uploading a logo.'),
  termsLink: httpsLink.nullable().default(null),
  privacyLink: httpsLink.nullable().default(null),
  supportLink: httpsLink.nullable().default(null),
});
export type Branding = z.infer<typeof brandingSchema>;
