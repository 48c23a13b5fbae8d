/** Turns whatever a route throws into a problem document (RFC 9457). What nobody foresaw becomes a 500 without details. */
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod';
import { databaseFailure } from '../database-failure.ts';
import { type FieldError, invalidParameters, notFound, Problem, serviceBusy, storageFull } from '../errors.ts';

/** Registers error and not-found handling for the whole server. */
export function answerProblems(app: FastifyInstance): void {
  app.setErrorHandler((error: unknown, request, reply) => sendProblem(request, reply, toProblem(error)));
  app.setNotFoundHandler((request, reply) => sendProblem(request, reply, notFound('address')));
}

/** Sends a problem; faults are logged with their cause, refusals without noise. */
export function sendProblem(request: FastifyRequest, reply: FastifyReply, problem: Problem): FastifyReply {
  if (problem.status >= 500) request.log.error({ err: problem.cause ?? problem }, problem.logDetail ?? problem.detail);
  else request.log.debug({ code: problem.code, status: problem.status, logDetail: problem.logDetail }, 'refused');
  return reply.code(problem.status).headers(problem.headers).header('content-type', 'application/problem+json')
    .header('cache-control', 'no-store').serializer((body: unknown) => JSON.stringify(body)).send(problem.toBody(request.id));
}

/** Maps any error to a Problem. */
export function toProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (hasZodFastifySchemaValidationErrors(error)) {
    return invalidParameters(error.validation.map((issue): FieldError => ({
      field: fieldOf(error.validationContext, issue.instancePath), code: issue.keyword ?? 'invalid', detail: issue.message ?? 'is not valid' })));
  }
  switch (databaseFailure(error)) {
    case 'unreachable': return serviceBusy(2, 'The database cannot be reached at the moment. Try again shortly.', error);
    case 'full': return storageFull(error);
    case undefined:
  }
  const status = error instanceof Error ? (error as FastifyError).statusCode : undefined;
  if (error instanceof Error && status !== undefined && status >= 400 && status < 500) return clientError(status, error as FastifyError);
  return new Problem({ status: 500, code: 'Service.Internal.Error', detail: 'Something went wrong on our side. The request id leads to the details in the log.', cause: error });
}

function clientError(status: number, error: FastifyError): Problem {
  if (status === 415) return new Problem({ status, code: 'Unsupported.Media.Type', detail: 'Send the body as application/json.' });
  if (status === 413) return new Problem({ status, code: 'Params.Illegal', detail: 'The body is larger than this route takes.' });
  if (error.code === 'FST_ERR_CTP_EMPTY_JSON_BODY') return new Problem({ status: 400, code: 'Params.Blank', detail: 'The body is empty; this route takes a JSON object.' });
  if (error instanceof SyntaxError || error.code?.startsWith('FST_ERR_CTP')) return new Problem({ status: 400, code: 'Params.Illegal', detail: 'The body is not valid JSON.' });
  return new Problem({ status, code: 'Params.Illegal', detail: 'The request cannot be read.', logDetail: error.message });
}

function fieldOf(context: string | undefined, instancePath: string): string {
  const path = instancePath.replace(/^\//, '').replaceAll('/', '.');
  return path || (context ?? 'body');
}
