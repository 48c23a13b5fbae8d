/** Resource servers and grants as the REST API takes and shows them. */
import { z } from 'zod';
import { pageOf } from '../core/http/paging.ts';
import { text } from '../core/http/text.ts';
import { idPattern } from '../core/ids.ts';

export const resourceServerIdSchema = z.string().regex(idPattern('rsrc'), 'must be the id of a resource server');

/** RFC 8707 §2: an absolute URI without a fragment. */
const identifierSchema = z.string().max(500).regex(/^[!-~]+$/, 'must be printable ASCII')
  .refine((value) => URL.canParse(value) && !value.includes('#'), 'must be an absolute URI without a fragment, such as https://api.example.com or urn:example:orders');

/** RFC 6749 §3.3, without what would be read as something else in a list or a pattern. */
export const scopeNameSchema = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._:/-]{0,99}$/, 'must be a scope name such as orders:read');
const reservedScopes = new Set(['openid', 'profile', 'email', 'phone', 'address', 'offline_access']);

const scopesSchema = z.array(z.strictObject({
  name: scopeNameSchema.refine((name) => !reservedScopes.has(name), 'belongs to OpenID Connect'),
  description: text(200),
})).max(200).refine((scopes) => new Set(scopes.map(({ name }) => name)).size === scopes.length, 'must not name a scope twice');

const fields = {
  name: text(80),
  scopes: scopesSchema,
  accessTokenSeconds: z.int().min(60).max(86_400),
  tokenFormat: z.enum(['jwt', 'opaque']).describe('`jwt`: RFC 9068, verified with our keys; `opaque`: asked by introspection.'),
  signingAlgorithm: z.enum(['RS256', 'ES256', 'EdDSA']),
};

export const createResourceServerSchema = z.strictObject({
  identifier: identifierSchema.describe('The resource indicator and the audience of tokens; never changed.'),
  ...fields,
  scopes: fields.scopes.default([]),
  accessTokenSeconds: fields.accessTokenSeconds.default(1200),
  tokenFormat: fields.tokenFormat.default('jwt'),
  signingAlgorithm: fields.signingAlgorithm.default('ES256'),
}).meta({
  id: 'CreateResourceServer',
  examples: [{ identifier: 'https://orders.example.com/api', name: 'Orders', scopes: [{ name: 'orders:read', description: 'Read orders' }] }],
});
export type CreateResourceServer = z.output<typeof createResourceServerSchema>;

export const updateResourceServerSchema = z.strictObject(fields).partial().meta({
  id: 'UpdateResourceServer', description: 'Only what is named changes; lists are replaced as a whole.', examples: [{ accessTokenSeconds: 600 }] });
export type UpdateResourceServer = z.infer<typeof updateResourceServerSchema>;

export const resourceServerSchema = z.object({
  id: resourceServerIdSchema,
  identifier: z.string(),
  name: z.string(),
  scopes: z.array(z.object({ name: z.string(), description: z.string() })),
  accessTokenSeconds: z.int(),
  tokenFormat: z.enum(['jwt', 'opaque']),
  signingAlgorithm: z.enum(['RS256', 'ES256', 'EdDSA']),
  builtIn: z.boolean().describe('An API of the product; it cannot be changed.'),
  createdAt: z.string(),
  updatedAt: z.string(),
}).meta({ id: 'ResourceServer' });
export const resourceServerPage = pageOf(resourceServerSchema).meta({ id: 'ResourceServerPage' });

export const putResourceGrantSchema = z.strictObject({
  scopes: z.array(scopeNameSchema).max(200).refine((scopes) => new Set(scopes).size === scopes.length, 'must not name a scope twice'),
}).meta({ id: 'PutResourceGrant', examples: [{ scopes: ['orders:read'] }] });

export const resourceGrantSchema = z.object({
  resourceServerId: resourceServerIdSchema,
  identifier: z.string(),
  scopes: z.array(z.string()),
}).meta({ id: 'ResourceGrant', description: 'What an application may ask of a resource server.' });
export const resourceGrantPage = pageOf(resourceGrantSchema).meta({ id: 'ResourceGrantPage' });
