/** What the risk routes take and give. */
import { z } from 'zod';
import { pageOf, pageQuery } from '../../core/http/paging.ts';
import { text } from '../../core/http/text.ts';
import { idPattern } from '../../core/ids.ts';
import { userIdSchema } from '../../directory/index.ts';
import { riskDraftSchema, riskPolicySchema } from '../../tenancy/index.ts';
import { riskActions } from './policy.ts';

const action = z.enum(riskActions);
const listId = z.string().regex(idPattern('alist'), 'must be the id of an address list');
const replayId = z.string().regex(idPattern('replay'), 'must be the id of a risk replay');

export const listAssessmentsQuery = z.strictObject({
  ...pageQuery.shape,
  userId: userIdSchema.optional(),
  flowId: z.string().regex(idPattern('flow'), 'must be the id of a flow').optional(),
  action: action.optional().describe('The strictest that the score asked for.'),
  minimumScore: z.coerce.number().int().min(0).max(100).optional(),
  since: z.iso.datetime().optional(),
  until: z.iso.datetime().optional().describe('Exclusive.'),
});

export const assessmentSchema = z.object({
  id: z.string(), flowId: z.string(), userId: z.string().nullable().describe('Null: an account that the sign-in was to make.'), applicationId: z.string().nullable(), channel: z.string(), purpose: z.string(),
  createdAt: z.iso.datetime(), completedAt: z.iso.datetime().nullable().describe('Null: it did not end in a session.'),
  address: z.string().nullable(), userAgent: z.string().nullable(), country: z.string().nullable(), city: z.string().nullable(),
  score: z.int(), action, enforced: z.boolean().describe('False: only observed.'),
  reasons: z.array(z.object({ signal: z.string(), text: z.string() })),
  signals: z.record(z.string(), z.union([z.number(), z.enum(['unknown', 'error'])])).describe('What each found: a number (1 for yes, 0 for no, km/h, counts of ten minutes), or why there is none.'),
}).meta({ id: 'RiskAssessment' });
export const assessmentPage = pageOf(assessmentSchema).meta({ id: 'RiskAssessmentPage' });

const ranges = z.string().max(900_000).describe('One address or range a line; what follows # or ; is a comment.');
const url = text(2_000).describe('Fetched now and every six hours: a text with one address or range a line.');
export const createListSchema = z.strictObject({ name: text(80), url: url.optional(), ranges: ranges.optional(), enabled: z.boolean().default(true) })
  .meta({ id: 'CreateAddressList', description: 'With `url` or with `ranges`.', examples: [{ name: 'Known proxies', ranges: '198.51.100.0/24\n203.0.113.7 # seen in March\n2001:db8:bad::/48' }] });
export const updateListSchema = z.strictObject({ name: text(80), url, ranges, enabled: z.boolean() }).partial()
  .meta({ id: 'UpdateAddressList', description: 'Only what is named changes; `ranges` replace all.' });
export const listSchema = z.object({
  id: listId, name: z.string(), url: z.string().nullable(), enabled: z.boolean(), rangeCount: z.int(),
  createdAt: z.iso.datetime(), updatedAt: z.iso.datetime(), fetchedAt: z.iso.datetime().nullable(), fetchError: z.string().nullable().describe('Why the last fetch did not change the list.'),
}).meta({ id: 'AddressList' });
export const listPage = pageOf(listSchema).meta({ id: 'AddressListPage' });
export const listQuery = z.strictObject({ ...pageQuery.shape });
export const listParams = z.object({ addressListId: listId });

export const replaySchema = z.strictObject({
  days: z.int().min(1).max(400).default(7).describe('The sign-ins of so many days.'),
  policy: riskDraftSchema.describe('What is to be tried; everything else as in the settings.'),
}).meta({ id: 'StartRiskReplay', examples: [{ days: 7, policy: { weights: { new_device: 40 }, thresholds: { secondFactor: 40 } } }] });

const counts = z.record(action, z.int());
export const replayAnswerSchema = z.object({
  id: replayId, status: z.enum(['queued', 'done', 'failed']), createdAt: z.iso.datetime(), finishedAt: z.iso.datetime().nullable(),
  days: z.int(), policy: riskPolicySchema,
  result: z.object({
    assessments: z.int(), complete: z.boolean().describe('False: there were more; the newest were judged.'),
    before: counts.describe('How many asked for what.'), after: counts,
    changed: z.array(z.object({
      from: action, to: action, count: z.int(),
      samples: z.array(z.object({ assessmentId: z.string(), userId: z.string().nullable(), createdAt: z.string(), scoreBefore: z.int(), scoreAfter: z.int(), reasons: z.array(z.string()) })),
    })),
  }).nullable(),
}).meta({ id: 'RiskReplay' });
export const replayParams = z.object({ replayId });
