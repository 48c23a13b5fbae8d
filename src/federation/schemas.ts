/** Identity sources as the REST API takes and shows them. */
import { z } from 'zod';
import { pageOf, pageQuery } from '../core/http/paging.ts';
import { longText, text } from '../core/http/text.ts';
import { idPattern } from '../core/ids.ts';
import { userIdSchema } from '../directory/index.ts';
import { connectors, type SourceKind, sourceKinds } from './connectors/index.ts';

export const sourceIdSchema = z.string().regex(idPattern('idp'), 'must be the id of an identity source, such as idp_01k9v6z3x4p5q6r7s8t9v0w1x2');
export const sourceKindSchema = z.enum(sourceKinds);

export const sourceRulesSchema = z.strictObject({
  createUsers: z.boolean().default(true).describe('Who comes for the first time gets an account.'),
  linkByProof: z.boolean().default(true).describe('Who comes for the first time may show that an account is theirs, and connect it.'),
  matchVerifiedEmail: z.boolean().default(false)
    .describe('Who comes for the first time gets the account with the same e-mail address, if both sides have verified it, and if the source proves mailboxes (Google, GitHub, Apple) or the address is in one of `domains`.'),
  multiFactorAcrs: z.array(text(200)).max(20).default([]).describe('Values of the source’s `acr` that count as two factors here. Default: none; a sign-in at the source is one factor.'),
});
export type SourceRules = z.infer<typeof sourceRulesSchema>;

const distinct = (values: readonly string[]) => new Set(values).size === values.length;
const profile = {
  name: text(80).describe('On its button.'),
  enabled: z.boolean(),
  position: z.int().min(0).max(10_000).describe('Order on the sign-in page.'),
  onSignInPage: z.boolean().describe('Whether it has a button there. Without one, people get to it by the domain of their address.'),
  applicationIds: z.array(z.string().regex(idPattern('app'), 'must be the id of an application')).max(200).refine(distinct, 'must not name an application twice').describe('The applications that offer it; empty: all.'),
  domains: z.array(z.string().toLowerCase().max(253).regex(z.regexes.domain, 'must be a domain name, such as example.com')).max(50).refine(distinct, 'must not name a domain twice')
    .describe('Verified domains of the instance. Whoever types an address there is offered this source first, and its word on addresses there counts.'),
  rules: sourceRulesSchema,
};
const secret = longText(8_000).describe('Client secret, or private key (Apple, Alipay). Never shown again.');

const settingsOf = (kind: SourceKind) => connectors[kind].settings;

/** Settings in the words of their kind. */
const settingsSchema = z.record(z.string(), z.unknown()).describe(`Of the kind: ${sourceKinds.join(', ')}. docs/identity-sources.md has the fields of each.`);

export const createSourceSchema = z.strictObject({
  kind: sourceKindSchema, name: profile.name, settings: settingsSchema, secret: secret.optional(),
  ...z.object({ ...profile, rules: sourceRulesSchema.partial() }).omit({ name: true }).partial().shape,
}).meta({
  id: 'CreateIdentitySource',
  examples: [{ kind: 'google', name: 'Google', settings: { clientId: '1234.apps.googleusercontent.com' }, secret: 'GOCSPX-…' }],
});
export type CreateSource = z.infer<typeof createSourceSchema>;

export const updateSourceSchema = z.strictObject({ ...profile, rules: sourceRulesSchema.partial(), settings: settingsSchema, secret }).partial().meta({
  id: 'UpdateIdentitySource',
  description: 'Only what is named changes; `settings` and lists are replaced as a whole. Changing an address or the client id asks for the secret again.',
  examples: [{ enabled: false }],
});
export type UpdateSource = z.infer<typeof updateSourceSchema>;

export const sourceSchema = z.object({
  id: sourceIdSchema, kind: sourceKindSchema, name: z.string(), enabled: z.boolean(), position: z.int(),
  settings: z.record(z.string(), z.unknown()),
  hasSecret: z.boolean(), onSignInPage: z.boolean(), applicationIds: z.array(z.string()), domains: z.array(z.string()), rules: z.object(sourceRulesSchema.shape),
  logoHash: z.string().nullable(),
  callbackUrl: z.string().describe('To be registered at the source. Of this source alone, so that no answer of one is taken for that of another.'),
  createdAt: z.string(), updatedAt: z.string(),
}).meta({ id: 'IdentitySource' });

export const sourceParams = z.object({ sourceId: sourceIdSchema });
export const listSourcesQuery = z.strictObject({ ...pageQuery.shape });
export const sourcePage = pageOf(sourceSchema).meta({ id: 'IdentitySourcePage' });

export const userParams = z.object({ userId: userIdSchema });
export const linkParams = z.object({ userId: userIdSchema, sourceId: sourceIdSchema });
export const linkedIdentitySchema = z.object({
  sourceId: sourceIdSchema, sourceName: z.string(), kind: sourceKindSchema,
  subject: z.string().describe('Who it is at the source; never an e-mail address or a name.'),
  displayName: z.string().nullable(), createdAt: z.string(), lastUsedAt: z.string().nullable(),
}).meta({ id: 'LinkedIdentity' });
export const linkedIdentitiesSchema = z.object({ items: z.array(linkedIdentitySchema) }).meta({ id: 'LinkedIdentities' });

/** The settings of a kind, read. Paths of faults begin with `settings`. */
export function readSettings(kind: SourceKind, given: unknown): { settings: Record<string, unknown> } | { errors: { field: string; code: string; detail: string }[] } {
  const read = settingsOf(kind).safeParse(given);
  if (read.success) return { settings: read.data };
  return { errors: read.error.issues.map((issue) => ({ field: ['settings', ...issue.path].join('.'), code: issue.code, detail: issue.message })) };
}
