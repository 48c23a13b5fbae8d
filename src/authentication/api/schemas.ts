/** What the Authentication API takes and shows; the only source of its part of the OpenAPI document. */
import ipaddr from 'ipaddr.js';
import { z } from 'zod';
import { applicationIdSchema } from '../../applications/index.ts';
import { text } from '../../core/http/text.ts';

export const personsClientSchema = z.strictObject({
  address: z.string().max(60).refine((value) => ipaddr.isValid(value), 'must be an IP address').describe('Of the person, as your server sees it.'),
  userAgent: text(500).optional(),
}).meta({ id: 'PersonsClient', description: 'Whose request your server carries: needed from confidential applications, refused from others.' });
export type PersonsClient = z.infer<typeof personsClientSchema>;

const words = (longest: number) => z.array(text(200)).max(longest);

export const startFlowSchema = z.strictObject({
  purpose: z.enum(['sign_in', 'register', 'recover']).default('sign_in'),
  applicationId: applicationIdSchema,
  scope: text(2_000).optional().describe('OpenID Connect scopes and those of the resources, separated by spaces.'),
  resource: z.array(text(2_000)).max(10).default([]).describe('APIs to get tokens for (RFC 8707).'),
  codeChallenge: z.string().regex(/^[A-Za-z0-9_-]{43}$/, 'must be the base64url form of a SHA-256 (RFC 7636 §4.2)'),
  codeChallengeMethod: z.literal('S256'),
  nonce: text(500).optional().describe('Comes back in the ID token.'),
  acrValues: words(20).optional(),
  maxAge: z.int().min(0).max(31_536_000).optional().describe('Seconds.'),
  loginHint: text(255).optional().describe('Fills in who signs in.'),
  locale: z.string().regex(/^[A-Za-z0-9-]{2,35}$/, 'must be a language tag such as zh-CN').optional(),
  supports: words(50).optional().describe('Methods and steps that you can draw, by name; for any other the step is `redirect`. Default: all. `identify`, `first_factor` and `second_factor` need not be named.'),
  redirectUri: text(2_000).optional().describe('One of your registered addresses, for a step `redirect`. Default: the first.'),
  client: personsClientSchema.optional(),
}).meta({
  id: 'StartFlow',
  examples: [{
    purpose: 'sign_in', applicationId: 'app_01k9v6z3x4p5q6r7s8t9v0w1x2', scope: 'openid profile', codeChallenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM', codeChallengeMethod: 'S256',
    locale: 'en', supports: ['password', 'otp_sms', 'totp', 'webauthn', 'redirect'] }],
});
export type StartFlowBody = z.infer<typeof startFlowSchema>;

const fieldSchema = z.object({
  name: z.string(), type: z.string(), required: z.boolean(), autocomplete: z.string().optional(), inputMode: z.string().optional(), maxLength: z.int().optional(),
  value: z.string().optional(), label: z.string().optional(), options: z.array(z.object({ value: z.string(), label: z.string() })).readonly().optional(),
}).meta({ id: 'FlowField' });

const methodSchema = z.object({
  method: z.string(),
  fields: z.array(fieldSchema).describe('To be posted to `/flow/{method}/verify`, or to `/flow/{method}/enrol` in the step enrol_factor. Empty: prepare it first.'),
  prepare: z.boolean().optional().describe('`/flow/{method}/prepare` (in the step enrol_factor `/flow/{method}/prepare_enrolment`) sends a code or makes a challenge.'),
  credentialId: z.string().optional().describe('Goes with prepare.'),
  hint: z.string().optional().describe('What it goes to, masked.'),
  sent: z.object({ resendAt: z.string() }).optional(),
  data: z.unknown().optional().describe('What a browser needs besides, such as WebAuthn options.'),
}).meta({ id: 'FlowMethod' });

/** Steps of features have members of their own (`policy`, `scopes`, `documents`), so that a new step needs no change here. */
const stepSchema = z.looseObject({
  name: z.string(),
  methods: z.array(methodSchema).optional(),
  fields: z.array(fieldSchema).optional().describe('To be posted to `/flow/{submit}`, else `/flow/{name}`.'),
  submit: z.string().optional(),
  requestUri: z.string().optional().describe('Of the step redirect: send the browser to the authorization endpoint with this request_uri and your client_id (RFC 9126).'),
  redirectUri: z.string().optional(),
  expiresIn: z.int().optional().describe('Seconds.'),
}).meta({ id: 'FlowStep' });

export const flowViewSchema = z.object({
  flowId: z.string().describe('A secret: send it as `Authorization: Flow …`, never in an address.'),
  version: z.int().describe('Goes with every input.'),
  status: z.enum(['active', 'completed', 'denied', 'cancelled', 'expired']),
  purpose: z.string(),
  expiresAt: z.string(),
  step: stepSchema.optional().describe('What to draw; only while active.'),
  account: z.object({ displayName: z.string(), username: z.string() }).optional().describe('After the first proof.'),
  actions: z.array(z.string()).describe('What can be posted besides, to `/flow/{action}`; cancel is DELETE.'),
  notices: z.array(z.object({ code: z.string(), field: z.string().optional(), retryAt: z.string().optional() })),
  result: z.object({
    code: z.string(), redirectUri: z.string().describe('Send it to the token endpoint as redirect_uri.'), expiresIn: z.int(), iss: z.string(),
  }).optional().describe('An authorization code for the token endpoint; the same for as long as it lives.'),
  reason: z.string().optional().describe('Why it was denied, where that may be told.'),
}).meta({ id: 'Flow' });
export type ApiFlowView = z.infer<typeof flowViewSchema>;
