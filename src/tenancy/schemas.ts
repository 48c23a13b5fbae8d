/** What the routes of this folder take and answer; the only source of their part of the OpenAPI document. */
import { z } from 'zod';
import { pageOf, pageQuery } from '../core/http/paging.ts';
import { text } from '../core/http/text.ts';
import { idPattern } from '../core/ids.ts';
import { instanceSlug } from './addresses.ts';
import { signingAlgorithms } from './key-material.ts';
import { planIdSchema } from './plans/schemas.ts';
import { brandingSchema, instanceSettingsSchema } from './settings.ts';
import { sparse } from './stored-values.ts';

export const settingsSchema = instanceSettingsSchema.meta({ id: 'InstanceSettings' });
export const settingsPatch = sparse(instanceSettingsSchema)
  .meta({ id: 'InstanceSettingsPatch', description: 'Only what is named changes (RFC 7396); `acrNames` is replaced as a whole.', examples: [{ password: { minimumLength: 12 } }] });
export const changeSettingsQuery = z.strictObject({
  allowLockOut: z.enum(['true', 'false']).optional().describe('`true`: save `networkAccess` although it leaves out the address that this request comes from.'),
});
export const brandingAnswer = brandingSchema.meta({ id: 'Branding' });
export const brandingPatch = sparse(brandingSchema.omit({ logoHash: true }))
  .meta({ id: 'BrandingPatch', description: 'Only what is named changes. The logo has its own address.', examples: [{ primaryColour: '#0b5fff' }] });

const timestamp = z.string().describe('RFC 3339, UTC.');

export const signingKeySchema = z.object({
  id: z.string().describe('The `kid` of the JWK.'),
  algorithm: z.enum(signingAlgorithms),
  status: z.enum(['next', 'active', 'retiring', 'retired']).describe('next: published, not used yet; active: signs; retiring: published until its last token has ended; retired: gone.'),
  publicJwk: z.record(z.string(), z.unknown()),
  createdAt: timestamp, activatedAt: timestamp.nullable(), retiresAt: timestamp.nullable(),
}).meta({ id: 'SigningKey' });
export const signingKeyList = z.object({ items: z.array(signingKeySchema), next: z.null() });
export const keyParams = z.object({ keyId: z.string().regex(idPattern('key')) });
export const rotateKeysBody = z.strictObject({
  algorithm: z.enum(signingAlgorithms).optional().describe('Default: all.'),
  urgent: z.boolean().default(false).describe('Also when the next key was published less than an hour ago: for a key that leaked.'),
}).meta({ id: 'RotateKeys', examples: [{ algorithm: 'ES256' }] });
export const rotatedKeys = z.object({ rotated: z.array(z.enum(signingAlgorithms)) });

export const domainSchema = z.object({
  id: z.string(),
  hostname: z.string().describe('Lower case, international names as punycode.'),
  status: z.enum(['pending', 'verified', 'lapsed']),
  primary: z.boolean().describe('The issuer is `https://` and this name.'),
  proof: z.object({ type: z.literal('TXT'), name: z.string(), value: z.string() }).describe('The DNS record that proves the ownership; it must stay.'),
  verifiedAt: timestamp.nullable(), checkedAt: timestamp.nullable(), failedChecks: z.int(), createdAt: timestamp,
}).meta({ id: 'Domain' });
export const domainPage = z.object({ items: z.array(domainSchema), next: z.null() });
export const domainParams = z.object({ domainId: z.string().regex(idPattern('dom')) });
export const claimDomainBody = z.strictObject({ hostname: text(253) }).meta({ id: 'ClaimDomain', examples: [{ hostname: 'login.example.com' }] });

const slug = z.string().regex(instanceSlug, 'must consist of 1 to 63 lower-case letters, digits and dashes, without a dash at either end');
export const instanceName = text(100);
export const instanceParams = z.object({ instanceId: slug });
export const instanceSchema = z.object({
  id: z.string(), name: z.string(), status: z.enum(['active', 'suspended', 'deleted']), issuer: z.string(),
  sharesOrigin: z.boolean().describe('It is served under a path of the public address: for instances of one owner only.'),
  createdAt: timestamp, suspendedAt: timestamp.nullable(),
}).meta({ id: 'Instance' });
export const instancePage = pageOf(instanceSchema);
export const listInstancesQuery = pageQuery;
export const firstAdministratorSchema = z.strictObject({ username: text(64), displayName: text(120).optional(), email: z.email().max(254).optional() });
export type FirstAdministrator = z.infer<typeof firstAdministratorSchema>;
export const createInstanceBody = z.strictObject({
  id: slug.describe('Part of all its addresses. Never changed, never given out again.'),
  name: instanceName,
  separateOwner: z.boolean().default(false).describe('It belongs to somebody else than the other instances: refused while they share one origin, unless the server allows that.'),
  planId: planIdSchema.optional().describe('Default: `unlimited`.'),
  administrator: firstAdministratorSchema.optional().describe('The first administrator; the answer holds the one-time link to set the account up.'),
}).meta({ id: 'CreateInstance', examples: [{ id: 'acme', name: 'Acme Ltd.', administrator: { username: 'ada' } }] });
export const createdInstance = instanceSchema.extend({
  setupLink: z.object({ url: z.string(), expiresAt: timestamp }).nullable().describe('Shown once.'),
}).meta({ id: 'CreatedInstance' });
export const renameInstanceBody = z.strictObject({ name: instanceName });
