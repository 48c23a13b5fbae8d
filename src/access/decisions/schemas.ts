/** The wire of the OpenID AuthZEN Authorization API 1.0 (sections in comments are of it). Names are those of the standard. */
import { z } from 'zod';
import { text } from '../../core/http/text.ts';

/** What may be asked in one request. */
export const mostEvaluations = 1_000;
export const mostResults = 100;

/** §5: attributes that a caller may send along. None is read: what is true of people and applications is known here. */
const properties = z.record(z.string().max(100), z.unknown()).optional();

const entity = { type: text(60), id: text(200) };
const subjectSchema = z.strictObject({ ...entity, properties }).describe('`{"type":"user","id":"user_…"}`');
const resourceSchema = z.strictObject({ ...entity, properties }).describe('`{"type":"application","id":"app_…"}`, or its client_id.');
const actionSchema = z.strictObject({ name: text(200), properties }).describe('`open`, or `role:` and the key of an application role.');

/** §5.4: what is known of the request that the question is about. Whatever else it holds is passed over. */
const contextSchema = z.looseObject({
  address: text(60).optional().describe('The address of the person; without it rules about networks are judged on the safe side.'),
  userAgent: z.string().max(500).optional(),
  session: z.strictObject({
    acr: text(200).optional(), amr: z.array(text(40)).max(20).optional(),
    authTime: z.int().min(0).optional().describe('Seconds since 1970, as `auth_time` of the ID token.'),
  }).optional().describe('What the ID token said of the sign-in; without it conditions about the session are judged on the safe side.'),
}).meta({ description: 'Of the request that the question is about.' });

const parts = { subject: subjectSchema, action: actionSchema, resource: resourceSchema, context: contextSchema.optional() };

/** §6.1 */
export const evaluationSchema = z.strictObject(parts).meta({
  id: 'AccessEvaluation',
  examples: [{ subject: { type: 'user', id: 'user_01k9v6z3x4p5q6r7s8t9v0w1x2' }, action: { name: 'open' }, resource: { type: 'application', id: 'app_01k9v6z3x4p5q6r7s8t9v0w1x2' }, context: { address: '203.0.113.9' } }],
});
export type Evaluation = z.infer<typeof evaluationSchema>;

/** §6.2; members of `context` are ours. */
export const decisionSchema = z.object({
  decision: z.boolean(),
  context: z.object({
    code: z.string().describe('Stable: `not_assigned`, `policy_denied`, `second_factor_required`, `role_missing`, `user_unusable` …'),
    reason: z.string().optional(),
    policy: z.object({ id: z.string(), name: z.string(), priority: z.int() }).optional(),
    secondFactor: z.object({ methods: z.array(z.string()), intervalSeconds: z.int() }).optional().describe('What would turn the answer: ask for it, and send `session` along.'),
    error: z.object({ status: z.int(), message: z.string() }).optional().describe('Of one evaluation among several that could not be made (§7.2.1).'),
  }).optional(),
}).meta({ id: 'AccessDecision' });
export type Decision = z.infer<typeof decisionSchema>;

const semantics = ['execute_all', 'deny_on_first_deny', 'permit_on_first_permit'] as const;

/** §7.1: members outside of `evaluations` hold for each of them that has none of its own. */
export const evaluationsSchema = z.strictObject({
  ...z.object(parts).partial().shape,
  evaluations: z.array(z.strictObject(parts).partial()).max(mostEvaluations).optional(),
  options: z.looseObject({ evaluations_semantic: z.enum(semantics).default('execute_all') }).optional(),
}).meta({
  id: 'AccessEvaluations',
  examples: [{
    subject: { type: 'user', id: 'user_01k9v6z3x4p5q6r7s8t9v0w1x2' }, resource: { type: 'application', id: 'app_01k9v6z3x4p5q6r7s8t9v0w1x2' },
    evaluations: [{ action: { name: 'open' } }, { action: { name: 'role:approver' } }], options: { evaluations_semantic: 'execute_all' },
  }],
});
export type Evaluations = z.infer<typeof evaluationsSchema>;

/** §7.2; without `evaluations` in the request it is answered as one evaluation. */
export const decisionsSchema = z.union([z.object({ evaluations: z.array(decisionSchema) }), decisionSchema]).meta({ id: 'AccessDecisions' });

/** §8.2 */
const pageSchema = z.strictObject({ token: z.string().max(2_000).optional(), limit: z.int().min(1).max(mostResults).optional(), properties }).optional();
const kindOnly = z.strictObject({ type: text(60), id: text(200).optional(), properties });

/** §8.4.1: which people may do this. */
export const subjectSearchSchema = z.strictObject({ ...parts, subject: kindOnly, page: pageSchema }).meta({
  id: 'SubjectSearch', examples: [{ subject: { type: 'user' }, action: { name: 'open' }, resource: { type: 'application', id: 'app_01k9v6z3x4p5q6r7s8t9v0w1x2' } }] });
/** §8.5.1: with which applications this person may do it. */
export const resourceSearchSchema = z.strictObject({ ...parts, resource: kindOnly, page: pageSchema }).meta({
  id: 'ResourceSearch', examples: [{ subject: { type: 'user', id: 'user_01k9v6z3x4p5q6r7s8t9v0w1x2' }, action: { name: 'open' }, resource: { type: 'application' } }] });
/** §8.6.1: what this person may do with the application. */
export const actionSearchSchema = z.strictObject({ subject: subjectSchema, resource: resourceSchema, context: contextSchema.optional(), page: pageSchema }).meta({
  id: 'ActionSearch', examples: [{ subject: { type: 'user', id: 'user_01k9v6z3x4p5q6r7s8t9v0w1x2' }, resource: { type: 'application', id: 'app_01k9v6z3x4p5q6r7s8t9v0w1x2' } }] });
export type SubjectSearch = z.infer<typeof subjectSearchSchema>;
export type ResourceSearch = z.infer<typeof resourceSearchSchema>;
export type ActionSearch = z.infer<typeof actionSearchSchema>;

const pageAnswer = z.object({ next_token: z.string().describe('Empty on the last page.'), count: z.int().optional() });
export const entitiesSchema = z.object({ page: pageAnswer, results: z.array(z.object({ type: z.string(), id: z.string() })) }).meta({ id: 'SearchedEntities' });
export const actionsSchema = z.object({ page: pageAnswer, results: z.array(z.object({ name: z.string() })) }).meta({ id: 'SearchedActions' });

/** §9.1 */
export const metadataSchema = z.object({
  policy_decision_point: z.string(),
  access_evaluation_endpoint: z.string(),
  access_evaluations_endpoint: z.string(),
  search_subject_endpoint: z.string(),
  search_resource_endpoint: z.string(),
  search_action_endpoint: z.string(),
}).meta({ id: 'AuthzenConfiguration' });
