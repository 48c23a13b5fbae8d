/** Terms as the REST API takes and shows them. */
import { z } from 'zod';
import { longText, text } from '../../core/http/text.ts';
import { pageOf, pageQuery } from '../../core/http/paging.ts';
import { idPattern } from '../../core/ids.ts';
import { userIdSchema } from '../../directory/index.ts';

export const termsIdSchema = z.string().regex(idPattern('terms'), 'must be the id of terms, such as terms_01k9v6z3x4p5q6r7s8t9v0w1x2');
const link = z.url({ protocol: /^https$/, hostname: z.regexes.domain }).max(500);

const oneLanguage = z.strictObject({
  title: text(200),
  text: longText(50_000).min(1).optional().describe('Shown on the page, as plain text.'),
  link: link.optional().describe('Where the document stands.'),
}).refine((words) => (words.text === undefined) !== (words.link === undefined), 'must have either text or link');

export const termsTextsSchema = z.strictObject({ en: oneLanguage.optional(), 'zh-CN': oneLanguage.optional() })
  .refine((texts) => Object.keys(texts).length > 0, 'must have one language at least')
  .describe('By language. Who reads another one gets the first.');
export type TermsTexts = z.infer<typeof termsTextsSchema>;

const position = z.int().min(0).max(10_000).describe('Order on the page.');
export const createTermsSchema = z.strictObject({ name: text(120).describe('For administrators.'), position: position.optional() })
  .meta({ id: 'CreateTerms', examples: [{ name: 'Terms of service' }] });
export const updateTermsSchema = z.strictObject({ name: text(120), position, state: z.enum(['active', 'retired']).describe('`retired`: nobody is asked any more.') }).partial()
  .meta({ id: 'UpdateTerms', description: 'Only what is named changes (RFC 7396).', examples: [{ state: 'retired' }] });
export const publishTermsSchema = z.strictObject({ texts: termsTextsSchema })
  .meta({ id: 'PublishTerms', examples: [{ texts: { en: { title: 'Terms of service', link: 'https://example.com/terms/2' }, 'zh-CN': { title: '服务条款', link: 'https://example.com/zh/terms/2' } } }] });

export const termsSchema = z.object({
  id: termsIdSchema, name: z.string(), position: z.int(), state: z.enum(['active', 'retired']),
  published: z.int().describe('The number of the newest version; 0: none yet.'),
  createdAt: z.string(), updatedAt: z.string(),
}).meta({ id: 'Terms' });
export const termsPage = pageOf(termsSchema).meta({ id: 'TermsPage' });

export const termsVersionSchema = z.object({ documentId: termsIdSchema, number: z.int(), texts: termsTextsSchema, publishedAt: z.string() }).meta({ id: 'TermsVersion' });
export const termsVersionPage = pageOf(termsVersionSchema).meta({ id: 'TermsVersionPage' });

export const acceptanceSchema = z.object({
  id: z.string(), userId: userIdSchema, documentId: termsIdSchema, number: z.int(),
  locale: z.string().nullable().describe('In which language it was read.'), address: z.string().nullable(), acceptedAt: z.string(),
}).meta({ id: 'TermsAcceptance' });
export const acceptancePage = pageOf(acceptanceSchema).meta({ id: 'TermsAcceptancePage' });
export const acceptancesQuery = z.strictObject({ userId: userIdSchema.optional(), number: z.coerce.number().int().min(1).optional(), ...pageQuery.shape });
export const listQuery = z.strictObject(pageQuery.shape);
