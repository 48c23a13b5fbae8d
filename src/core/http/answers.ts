/** What the routes of the REST APIs answer: one problem schema for all refusals, and the statuses every route may give. */
import { z } from 'zod';

const fieldErrorSchema = z.object({
  field: z.string().describe('Where: a path such as `oidc.redirectUris.0`, or the name of a parameter or header.'),
  code: z.string(),
  detail: z.string().describe('What was wrong and what would be right.'),
});

/** RFC 9457 §3; a component of the OpenAPI document. */
export const problemSchema = z.looseObject({
  type: z.string().describe('`urn:postern:error:` and the code.'),
  title: z.string(),
  status: z.int(),
  code: z.string().describe('Stable, for programs.'),
  detail: z.string().describe('For people: what was wrong and what would be right.'),
  requestId: z.string().describe('Leads to the details in the log of the server.'),
  errors: z.array(fieldErrorSchema).optional(),
}).meta({
  id: 'Problem',
  description: 'A refusal or a fault (RFC 9457).',
  examples: [{
    type: 'urn:postern:error:Operation.Failure.User.Not.Exist', title: 'Not Found', status: 404,
    code: 'Operation.Failure.User.Not.Exist', detail: 'There is no such user in this instance.', requestId: 'req_01k9v6z3x4p5q6r7s8t9v0w1x2',
  }],
});

const meanings = {
  400: 'The request is not what the route takes; `errors` names each field.',
  401: 'No valid access token.',
  403: 'The token lacks the scope, or the administrator the permission.',
  404: 'Not there, or not in this instance.',
  409: 'It collides with what is there.',
  410: 'The flow has ended by its time; `restart` says whether the same request can begin again.',
  412: 'If-Match names an older version.',
  413: 'The body is too large.',
  415: 'The body is not JSON.',
  421: 'This host does not serve the instance.',
  422: 'The Idempotency-Key was used for another request.',
  429: 'Too many requests; see Retry-After.',
  500: 'A fault on our side.',
  503: 'Busy, or a part is missing for now; see Retry-After.',
} as const;

export type RefusalStatus = keyof typeof meanings;

const refusal = (status: RefusalStatus) => ({
  description: meanings[status],
  content: { 'application/problem+json': { schema: problemSchema } },
});
type Refusal = ReturnType<typeof refusal>;

/** What the parts before a route may answer: token, host, limits, faults, and for a body its form. */
const always = [400, 401, 403, 404, 409, 413, 415, 421, 422, 429, 500, 503] as const;

/**
 * The answers of a REST route: its own by status, every refusal that any route may give, and those of its own.
 * @example response: answers({ 200: userSchema }, 412)
 */
export function answers<Own extends Record<number, unknown>, Further extends RefusalStatus = never>(
  own: Own, ...further: Further[]
): Own & Record<(typeof always)[number] | Further, Refusal> {
  const refusals = Object.fromEntries([...always, ...further].map((status) => [status, refusal(status)]));
  return { ...refusals, ...own } as Own & Record<(typeof always)[number] | Further, Refusal>;
}

/** An answer without a body (204). */
export const noContent = z.undefined().describe('Done; no body.');
