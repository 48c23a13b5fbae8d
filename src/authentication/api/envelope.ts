/**
 * The same answers in the envelope that CIAM software of one vendor expects: always `{ success, code, message, requestId,
 * data }`, a flow as `{ fId, flowType, additional }`, a refusal with its class in `code` and its name in `message`.
 */
import type { FastifyInstance } from 'fastify';
import { toProblem } from '../../core/http/error-handler.ts';
import type { Problem } from '../../core/errors.ts';
import type { ApiFlowView } from './schemas.ts';

export interface Envelope {
  readonly success: boolean;
  readonly code: string;
  readonly message: string;
  readonly requestId: string;
  readonly data: { readonly fId: string; readonly flowType: string; readonly additional: object } | null;
}

/** Makes every answer of these routes an envelope. */
export function answerInEnvelopes(app: FastifyInstance): void {
  app.addHook('preSerialization', async (request, _reply, payload) => (isFlow(payload)
    ? { success: true, code: 'Operation.Success', message: 'Operation.Success', requestId: request.id, data: dataOf(payload) } satisfies Envelope
    : payload));
  app.setErrorHandler((error: unknown, request, reply) => {
    const problem = toProblem(error);
    if (problem.status >= 500) request.log.error({ err: problem.cause ?? problem }, problem.logDetail ?? problem.detail);
    return reply.code(problem.status).headers(problem.headers).header('cache-control', 'no-store').send(refusalOf(problem, request.id));
  });
}

export function refusalOf({ code, members }: Pick<Problem, 'code' | 'members'>, requestId: string): Envelope {
  const { flow } = members;
  return { success: false, code: classOf(code), message: code, requestId, data: isFlow(flow) ? dataOf(flow) : null };
}

const isFlow = (value: unknown): value is ApiFlowView => typeof value === 'object' && value !== null && 'flowId' in value;

function dataOf({ flowId, ...additional }: ApiFlowView): Envelope['data'] {
  return { fId: flowId, flowType: flowTypeOf(additional), additional };
}

/** What is needed next, or how it ended. */
function flowTypeOf({ status, step }: Omit<ApiFlowView, 'flowId'>): string {
  if (step === undefined) return status.toUpperCase();
  return step.name === 'second_factor' ? 'NEED_TWO_FACTOR' : `NEED_${step.name.toUpperCase()}`;
}

const classes = ['Operation.Failure', 'Operation.Denied', 'Resource.NotFound', 'Params.Blank', 'Params.Illegal', 'Unsupported.Media.Type', 'Remote.Error', 'Social.Login.Error'];

/** The class of a code, as the vendor names classes. */
export const classOf = (code: string): string =>
  classes.find((name) => code === name || code.startsWith(`${name}.`)) ?? (code.startsWith('Service.') ? 'Service.Internal.Error' : 'Operation.Failure');
