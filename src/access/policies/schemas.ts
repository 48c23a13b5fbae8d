/** Access policies as the REST API takes and shows them. */
import { z } from 'zod';
import { applicationIdSchema } from '../../applications/index.ts';
import { userIdSchema } from '../../directory/index.ts';
import { pageOf, pageQuery } from '../../core/http/paging.ts';
import { longText, text } from '../../core/http/text.ts';
import { idPattern } from '../../core/ids.ts';
import { zoneIdSchema, zoneReferenceSchema } from '../../tenancy/index.ts';

/** Of each kind, in one policy. */
export const mostTargets = 200;

export const policyIdSchema = z.string().regex(idPattern('policy'), 'must be the id of an access policy, such as policy_01k9v6z3x4p5q6r7s8t9v0w1x2');
const groupIdSchema = z.string().regex(idPattern('group'), 'must be the id of a group');
const unitIdSchema = z.string().regex(/^ou_(?:root|[0-9a-hjkmnp-tv-z]{26})$/, 'must be the id of an organizational unit, or ou_root');

const ids = <Id extends z.ZodType>(id: Id, description: string) => z.array(id).max(mostTargets, `must have at most ${mostTargets} members`).default([]).describe(description);

const targetsShape = {
  users: ids(userIdSchema, 'These people,'),
  groups: ids(groupIdSchema, 'members of these groups, also through nested ones,'),
  organizationalUnits: ids(unitIdSchema, 'and who belongs to one of these units or below.'),
  applications: ids(applicationIdSchema, 'When one of these applications is opened.'),
  networkZones: ids(zoneIdSchema, 'From an address in one of these zones.'),
};
export const targetsSchema = z.strictObject(targetsShape);
export type Targets = z.infer<typeof targetsSchema>;

export const policyStatusSchema = z.enum(['enabled', 'report_only', 'disabled'])
  .describe('`report_only`: what it would have done is written into the event log, and nothing else happens.');
export type PolicyStatus = z.infer<typeof policyStatusSchema>;
export const policyEffectSchema = z.enum(['allow', 'deny', 'require_second_factor']);
export type PolicyEffect = z.infer<typeof policyEffectSchema>;

/** How a second factor may be shown, in the words of sign-in. */
export const secondFactorMethods = ['otp_sms', 'otp_email', 'totp', 'webauthn'] as const;
export type SecondFactorMethod = (typeof secondFactorMethods)[number];
const methodAliases = { ia_otp_sms: 'otp_sms', ia_otp_email: 'otp_email', ia_totp: 'totp', ia_webauthn: 'webauthn' } as const satisfies Record<string, SecondFactorMethod>;
const methodNames = [...secondFactorMethods, ...Object.keys(methodAliases) as (keyof typeof methodAliases)[]] as const;
export const methodNamed = (name: (typeof methodNames)[number]): SecondFactorMethod => (name in methodAliases ? methodAliases[name as keyof typeof methodAliases] : name as SecondFactorMethod);

const secondFactorInput = z.strictObject({
  methods: z.array(z.enum(methodNames)).min(1, 'must name at least one method').max(methodNames.length).describe('One of these is enough. The spellings with `ia_` mean the same.'),
  intervalSeconds: z.int().min(300).max(86_400).default(43_200).describe('How old the second factor may be, in seconds.'),
});

const profile = {
  name: text(80),
  description: longText(500).nullable(),
  priority: z.int().min(1).max(100).describe('The lower goes first; of two with the same number the older.'),
  status: policyStatusSchema,
  include: targetsSchema.describe('Whom, what and where it is about. An empty list is everybody, every application, everywhere; all three must fit.'),
  exclude: targetsSchema.describe('What is taken out again: one that fits is enough.'),
  condition: longText(4_000).nullable().describe('CEL over `user`, `application`, `request` and `session`; must be true for the policy to apply.'),
  effect: policyEffectSchema,
  secondFactor: secondFactorInput.nullable().describe('For `require_second_factor` only.'),
};

export const createPolicySchema = z.strictObject({
  ...z.object(profile).partial().shape, name: profile.name, priority: profile.priority, effect: profile.effect,
}).meta({ id: 'CreateAccessPolicy', examples: [{ name: 'Nobody at night', priority: 20, status: 'report_only', effect: 'deny', condition: 'request.hour < 5' }] });
export type CreatePolicy = z.infer<typeof createPolicySchema>;

export const updatePolicySchema = z.strictObject(profile).partial()
  .meta({ id: 'UpdateAccessPolicy', description: 'Only what is named changes; null clears. `include`, `exclude` and `secondFactor` are replaced as a whole.', examples: [{ status: 'enabled' }] });
export type UpdatePolicy = z.infer<typeof updatePolicySchema>;

export const policySchema = z.object({
  id: policyIdSchema,
  name: z.string(), description: z.string().nullable(), priority: z.int(), status: policyStatusSchema,
  include: targetsSchema, exclude: targetsSchema, condition: z.string().nullable(), effect: policyEffectSchema,
  secondFactor: z.object({ methods: z.array(z.enum(secondFactorMethods)), intervalSeconds: z.int() }).nullable(),
  networkZones: z.array(zoneReferenceSchema).describe('The zones that it names, and whether one of them leaves nobody out.'),
  createdAt: z.string(), updatedAt: z.string(),
}).meta({ id: 'AccessPolicy' });

export const policyParams = z.object({ policyId: policyIdSchema });
export const listPoliciesQuery = z.strictObject({ ...pageQuery.shape });
export const policyPage = pageOf(policySchema).meta({ id: 'AccessPolicyPage' });

export const reorderSchema = z.strictObject({
  priorities: z.array(z.strictObject({ policyId: policyIdSchema, priority: profile.priority })).min(1).max(mostTargets),
}).meta({ id: 'ReorderAccessPolicies', examples: [{ priorities: [{ policyId: 'policy_01k9v6z3x4p5q6r7s8t9v0w1x2', priority: 5 }] }] });

export const explanationSchema = z.object({
  decision: z.enum(['allow', 'deny', 'second_factor']),
  policy: z.object({ id: z.string(), name: z.string(), priority: z.int() }).nullable().describe('The one that decided; null: none matched, and the default of the instance holds.'),
  because: z.string(),
  secondFactor: z.object({ methods: z.array(z.enum(secondFactorMethods)), intervalSeconds: z.int() }).nullable(),
  policies: z.array(z.object({
    id: z.string(), name: z.string(), priority: z.int(), status: policyStatusSchema, effect: policyEffectSchema,
    applies: z.boolean(),
    code: z.string().describe('Stable: `matched`, `decided_before`, `disabled`, `subject_not_included`, `zone_excluded`, `condition_false`, `condition_failed` …'),
    because: z.string(),
  })).describe('Every policy in its order: whether it applies, and why or why not.'),
}).meta({ id: 'AccessExplanation' });

export const sessionFactsSchema = z.strictObject({
  acr: text(200).optional(),
  amr: z.array(text(40)).max(20).optional(),
  authAgeSeconds: z.int().min(0).max(31_536_000).optional().describe('How long ago the person proved who they are.'),
});

export const simulateSchema = z.strictObject({
  userId: userIdSchema, applicationId: applicationIdSchema,
  address: text(60).nullish().describe('The address of the person; default: the one that this request comes from, null: unknown.'),
  userAgent: text(500).optional(),
  time: z.iso.datetime({ offset: true }).optional().describe('Default: now.'),
  session: sessionFactsSchema.optional().describe('What the session would be; default: a sign-in with a password just now.'),
  policy: createPolicySchema.optional().describe('A policy that is not saved: it is judged as if it were there, and enabled.'),
  policyId: policyIdSchema.optional().describe('The saved policy that `policy` takes the place of; alone: judge as if that one were enabled.'),
}).meta({ id: 'SimulateAccess', examples: [{ userId: 'user_01k9v6z3x4p5q6r7s8t9v0w1x2', applicationId: 'app_01k9v6z3x4p5q6r7s8t9v0w1x2', address: '203.0.113.9' }] });
export type SimulateAccess = z.infer<typeof simulateSchema>;
