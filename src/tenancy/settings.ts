/** Settings and branding of an instance: typed values with defaults, the only form in which they are stored or read. */
import { z } from 'zod';
import { idPattern } from '../core/ids.ts';
import { riskSettingsSchema } from './risk-settings.ts';

const seconds = (minimum: number, maximum: number, fallback: number) => z.int().min(minimum).max(maximum).default(fallback);

const profileField = z.string().regex(/^(username|displayName|givenName|familyName|email|phone|locale|timeZone|customFields\.[a-z][a-zA-Z0-9_]{0,63})$/, 'must be username, displayName, givenName, familyName, email, phone, locale, timeZone or customFields.{key}');
const domainName = z.string().max(253).regex(/^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}$/, 'must be a domain such as example.com, in small letters');
const distinct = (values: readonly string[]) => new Set(values).size === values.length;

const zoneIds = z.array(z.string().regex(idPattern('zone'), 'must be the id of a network zone')).max(20).default([]);

/** Ways to sign in that an instance, and each application, may offer. */
export const signInMethods = ['password', 'otp_email', 'otp_sms', 'magic_link', 'webauthn'] as const;

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
  secondFactor: z.strictObject({
    mode: z.enum(['off', 'optional', 'required', 'adaptive']).default('optional')
      .describe('off: only access policies and applications ask for one; optional: who has set one up is asked; required: everybody is; adaptive: everybody is when the risk of a sign-in is not low, and who has none is refused then. Access policies may ask for more in each mode.'),
    methods: z.array(z.enum(['totp', 'webauthn', 'otp_sms', 'otp_email'])).min(1).default(['totp', 'webauthn', 'otp_sms', 'otp_email'])
      .describe('What counts as one. Recovery codes always do for who has them.'),
    intervalSeconds: seconds(300, 31_536_000, 604_800).describe('It is asked for again when it was shown longer ago than this.'),
    graceDays: z.int().min(0).max(365).default(0).describe('With `required`: days in which somebody who has none may put it off, from the first time they are asked.'),
    enrolAtSignIn: z.boolean().default(true).describe('Who needs one and has none sets it up while signing in; false: is refused, and needs the help of an administrator.'),
    rememberDays: z.int().min(0).max(365).default(30).describe('How long a browser may be remembered, so that it is not asked for again there; 0: never.'),
    sensitiveApiSeconds: z.int().min(0).max(86_400).default(0).describe('How long ago an administrator may have signed in to use the most sensitive calls of this API (RFC 9470); 0: as long as the token lives.'),
  }).prefault({}),
  methods: z.strictObject({
    first: z.array(z.enum(signInMethods)).min(1).max(signInMethods.length).refine(distinct, 'must not name a method twice').default(['password', 'webauthn'])
      .describe('With what people may sign in. Applications can take away from this list, not add to it. What may be asked for beside it is `secondFactor.methods`.'),
    codeLength: z.int().min(6).max(10).default(6).describe('Digits of the codes that are sent.'),
    codeSeconds: seconds(60, 900, 300).describe('How long a code works.'),
    linkSeconds: seconds(60, 1_800, 600).describe('How long a link works.'),
    resendSeconds: seconds(10, 600, 30).describe('How long to wait until another code can be asked for.'),
    failuresPerUser: z.int().min(3).max(100).default(10).describe('Wrong codes of one kind for one person, over all sign-ins, until they wait (lockout.blockSeconds).'),
    sendsPerUser: z.int().min(2).max(100).default(6).describe('Messages for one name or person in lockout.windowSeconds.'),
    sendsPerAddress: z.int().min(5).max(10_000).default(60).describe('Messages that one network may cause in that time.'),
    sendsPerMinute: z.int().min(10).max(100_000).default(1_200).describe('Messages of the whole instance.'),
  }).prefault({}),
  registration: z.strictObject({
    enabled: z.boolean().default(false).describe('Whether people can make an account by themselves.'),
    address: z.enum(['email', 'phone', 'either']).default('email').describe('What a new person must have and prove: an e-mail address, a telephone number, or one of them.'),
    fields: z.array(z.strictObject({ field: profileField, required: z.boolean().default(false) })).max(40).refine((fields) => distinct(fields.map(({ field }) => field)), 'must not name a field twice')
      .default([{ field: 'displayName', required: false }]).describe('What else is asked for, in this order. Custom fields that every user must have are asked for in any case.'),
    password: z.enum(['required', 'optional']).default('required').describe('optional: may be left out where there is another way to sign in.'),
    allowedDomains: z.array(domainName).max(500).default([]).describe('Only addresses of these domains and those below them; empty: all.'),
    deniedDomains: z.array(domainName).max(500).default([]).describe('No addresses of these domains and those below them.'),
    approval: z.boolean().default(false).describe('A new account waits for an administrator.'),
    notify: z.array(z.email().max(254)).max(10).default([]).describe('Who gets a mail when somebody waits.'),
  }).prefault({}),
  recovery: z.strictObject({
    email: z.boolean().default(true).describe('Who has lost the password can choose a new one by a mail to their verified address.'),
    sms: z.boolean().default(true).describe('The same by a text to their verified number.'),
    seconds: seconds(120, 3_600, 900).describe('How long a link or code works.'),
    passkeyDelayHours: z.int().min(0).max(168).default(24).describe('Where a passkey was the only way in, this time passes between the proof and a new passkey, and the owner is told.'),
    approverHours: z.int().min(1).max(168).default(24).describe('Who has lost the second factor may ask an administrator; an approval lasts so long.'),
  }).prefault({}),
  profile: z.strictObject({
    required: z.array(profileField).max(40).default([]).describe('Who lacks one of these is asked for it at the next sign-in.'),
    requiredByApplication: z.record(z.string().regex(idPattern('app'), 'must be the id of an application'), z.array(profileField).max(40)).default({}).describe('The same for one application, by its id.'),
    verifyEmail: z.boolean().default(false).describe('Who has an e-mail address proves it at the next sign-in.'),
    verifyPhone: z.boolean().default(false),
  }).prefault({}),
  selfService: z.strictObject({
    enabled: z.boolean().default(true).describe('Whether people have an account page at {issuer}/account.'),
    editable: z.array(profileField).max(40).default(['displayName', 'givenName', 'familyName', 'locale', 'timeZone'])
      .describe('What people may change themselves; of custom fields only those that they can see and that are not read-only. An address is changed with a proof of the new one.'),
  }).prefault({}),
  passkeys: z.strictObject({
    rpId: z.string().max(253).regex(/^[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?$/, 'must be a host name in lower case').nullable().default(null)
      .describe('Host name that new passkeys are bound to, for good: the one of the instance (null), a parent of its own domain, or another verified domain of it. See docs/passkeys.md before you change it: passkeys of another one stop working.'),
    userVerification: z.enum(['required', 'preferred']).default('required').describe('required: every use takes the fingerprint, face or PIN of the device. preferred: one without counts as possession only.'),
    attestation: z.enum(['none', 'indirect', 'direct']).default('none').describe('Whether new passkeys must show their maker. direct: only those that the uploaded metadata vouches for; indirect: checked where it is shown.'),
    allowedAaguids: z.array(z.string().regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/, 'must be an AAGUID in lower case')).max(200).default([]).describe('Models that may be registered; empty: all. Only with attestation `direct` is a model more than a claim.'),
    onCounterRegression: z.enum(['alarm', 'refuse']).default('alarm').describe('What happens when the counter of a passkey goes back, as that of a copy would: an event, or an event and a refusal.'),
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
  notifications: z.strictObject({
    from: z.string().max(80).regex(/^[^\p{Cc}\p{Cf}<>"@,;:\\]*$/u, 'must be a plain name').nullable().default(null).describe('The name that mails come from; null: the name of the instance.'),
    messagesPerAddressPerHour: z.int().min(1).max(1_000).default(30).describe('Mails to one address, from everything together.'),
    messagesPerNumberPerHour: z.int().min(1).max(1_000).default(10).describe('Text messages to one number, from everything together.'),
    messagesPerNumberPerDay: z.int().min(1).max(10_000).default(30),
    messagesPerPrefixPerHour: z.int().min(1).max(1_000_000).default(1_000).describe('Text messages to all numbers of a country together: what a swindler with expensive numbers could cost.'),
    allowedPrefixes: z.array(z.string().regex(/^\+[1-9]\d{0,6}$/, 'must be the beginning of a number, such as +86')).max(300).default([]).describe('Beginnings of numbers that text messages may go to; empty: all.'),
    securityNotices: z.boolean().default(true).describe('Mails about changed passwords, factors and addresses, and about sign-ins from new devices.'),
  }).prefault({}),
  networkAccess: z.strictObject({
    managementZoneIds: zoneIds.describe('Network zones from which the console and the APIs of this instance may be used; empty: from everywhere. Refused when it leaves out your own address.'),
    managementDeniedZoneIds: zoneIds.describe('Network zones from which they may never be used, whatever the other list says.'),
    signInZoneIds: zoneIds.describe('Network zones from which people may sign in; empty: from everywhere. Asked before any account is looked up. Refused when it leaves out your own address.'),
    signInDeniedZoneIds: zoneIds.describe('Network zones from which nobody may sign in, whatever the other list says.'),
  }).prefault({}),
  risk: riskSettingsSchema,
  captcha: z.strictObject({
    ask: z.enum(['never', 'velocity', 'always']).default('never').describe('Before a name is taken: never; when the address or the name had many failed attempts in the last ten minutes; or in every sign-in. The risk policy may ask for one as well.'),
    failuresPerAddress: z.int().min(1).max(100_000).default(20).describe('With `velocity`.'),
    failuresPerName: z.int().min(1).max(1_000).default(5).describe('With `velocity`.'),
    difficulty: z.int().min(8).max(24).default(16).describe('Bits of work: 16 are about 65,000 hashes, a second or less; each further bit doubles it.'),
    waitSeconds: z.int().min(0).max(600).default(30).describe('A browser without JavaScript waits this long instead; 0: it cannot go on.'),
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
