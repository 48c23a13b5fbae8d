/** Applications as the REST API takes and shows them; the only source of the OpenAPI document. */
import { z } from 'zod';
import { pageOf, pageQuery } from '../core/http/paging.ts';
import { longText, text } from '../core/http/text.ts';
import { idPattern } from '../core/ids.ts';
import { applicationKindSchema } from './kinds.ts';
import { oidcSettingsChangeSchema, oidcSettingsSchema } from './oidc-settings.ts';
import { rejectWebAddress } from './web-addresses.ts';

export const applicationIdSchema = z.string().regex(idPattern('app'), 'must be the id of an application, such as app_01k9v6z3x4p5q6r7s8t9v0w1x2');
export const secretIdSchema = z.string().regex(idPattern('secr'), 'must be the id of a client secret');

const timestamp = z.iso.datetime({ offset: true });
const homepage = z.string().max(500).refine((value) => rejectWebAddress(value) === undefined, 'must be an absolute https address');
const rate = z.int().min(1).max(100_000).nullable();

const profile = {
  name: text(80).describe('People see it when they sign in and consent.'),
  description: longText(500).nullable(),
  homepageUri: homepage.nullable(),
  firstParty: z.boolean().describe('Your own application: people are not asked for consent.'),
  rateLimitPerSecond: rate.describe('Requests a second; null: the setting of the instance.'),
  rateLimitBurst: rate,
};

export const createApplicationSchema = z.strictObject({
  ...z.object(profile).partial().shape,
  name: profile.name,
  kind: applicationKindSchema,
  protocol: z.enum(['oidc']).default('oidc').describe('The one single sign-on protocol it speaks.'),
  clientId: z.string().regex(/^[A-Za-z0-9._-]{3,100}$/, 'must be 3 to 100 letters, digits, dots, dashes or underscores')
    .optional().describe('The OAuth client_id; never changed. Default: the id.'),
  oidc: oidcSettingsChangeSchema.default({}),
}).meta({
  id: 'CreateApplication',
  examples: [{ name: 'Orders', kind: 'web', oidc: { redirectUris: ['https://orders.example.com/callback'], postLogoutRedirectUris: ['https://orders.example.com/'] } }],
});
export type CreateApplication = z.input<typeof createApplicationSchema>;

export const updateApplicationSchema = z.strictObject({ ...profile, oidc: oidcSettingsChangeSchema }).partial().meta({
  id: 'UpdateApplication',
  description: 'Only what is named changes; null clears or brings the default back (RFC 7396). Lists are replaced as a whole.',
  examples: [{ oidc: { redirectUris: ['https://orders.example.com/callback', 'https://orders.example.com/staging/callback'] } }],
});
export type UpdateApplication = z.infer<typeof updateApplicationSchema>;

export const applicationSchema = z.object({
  id: applicationIdSchema,
  clientId: z.string(),
  name: z.string(),
  description: z.string().nullable(),
  kind: applicationKindSchema,
  protocol: z.enum(['oidc']),
  enabled: z.boolean(),
  firstParty: z.boolean(),
  builtIn: z.boolean().describe('Part of the product: cannot be deleted.'),
  homepageUri: z.string().nullable(),
  rateLimitPerSecond: z.int().nullable(),
  rateLimitBurst: z.int().nullable(),
  oidc: oidcSettingsSchema,
  createdAt: z.string(),
  updatedAt: z.string(),
}).meta({ id: 'Application' });

export const listApplicationsQuery = z.strictObject({
  name: text(80).optional().describe('Applications whose name starts with this; capitals do not count.'),
  kind: applicationKindSchema.optional(),
  enabled: z.enum(['true', 'false']).optional(),
  ...pageQuery.shape,
});
export const applicationPage = pageOf(applicationSchema).meta({ id: 'ApplicationPage' });

export const clientSecretSchema = z.object({
  id: secretIdSchema,
  hint: z.string().describe('The last four characters.'),
  reversible: z.boolean().describe('Kept sealed for client_secret_jwt; other secrets are kept as a hash only.'),
  createdAt: z.string(),
  expiresAt: z.string().nullable(),
}).meta({ id: 'ClientSecret' });

export const newClientSecretSchema = clientSecretSchema.extend({
  secret: z.string().describe('Shown this once.'),
}).meta({ id: 'NewClientSecret' });

export const createdApplicationSchema = applicationSchema.extend({
  clientSecret: newClientSecretSchema.nullable().describe('The first secret of an application that uses one; shown this once.'),
}).meta({ id: 'CreatedApplication' });

export const createSecretSchema = z.strictObject({
  expiresAt: timestamp.nullish().describe('Null: never.'),
  overlapSeconds: z.int().min(0).max(31_536_000).optional()
    .describe('Rotates: the secrets so far end after this time (0: at once). Without it they stay as they are.'),
}).meta({ id: 'CreateClientSecret', examples: [{ overlapSeconds: 86_400 }] });
export type CreateSecret = z.infer<typeof createSecretSchema>;

export const configurationSchema = z.object({
  issuer: z.string(),
  discovery: z.string(),
  authorizationEndpoint: z.string(),
  tokenEndpoint: z.string(),
  userinfoEndpoint: z.string(),
  endSessionEndpoint: z.string(),
  deviceAuthorizationEndpoint: z.string(),
  introspectionEndpoint: z.string(),
  revocationEndpoint: z.string(),
  jwksUri: z.string(),
  clientId: z.string(),
  redirectUris: z.array(z.string()),
  scopes: z.array(z.string()),
  tokenEndpointAuthMethod: z.string(),
  pkce: z.enum(['required', 'optional', 'unused']),
  environment: z.string().describe('The same as lines for an .env file; put your secret in.'),
}).meta({ id: 'ApplicationConfiguration', description: 'What to enter in the application.' });
