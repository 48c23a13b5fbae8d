/**
 * Bodies of the REST APIs are of one declared type. A body read under another name would be one that a browser may
 * send across origins without asking (Fetch, "CORS-safelisted request-header").
 */
import type { FastifyRequest } from 'fastify';
import { invalidParameters, Problem } from '../core/errors.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The route unpacks `Content-Encoding: gzip` itself, as a stream and within bounds. */
    takesGzip?: boolean;
  }
}

const json = /^application\/json *(; *charset="?utf-8"?)? *$/i;

/** Headers by which some servers let a POST become another method: what was authorized would not be what runs. */
const methodOverrides = ['x-http-method-override', 'x-http-method', 'x-method-override'];

/** @throws Problem 415 for a body of another type than the route declares, 400 for a method override */
export function checkContentType(request: FastifyRequest): void {
  const { headers } = request;
  const override = methodOverrides.find((name) => headers[name] !== undefined);
  if (override) throw invalidParameters([{ field: override, code: 'unsupported', detail: 'is not honoured here; send the method itself' }]);
  const type = headers['content-type'];
  const hasBody = headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
  if (!hasBody && type === undefined) return;
  const isTakenPacked = headers['content-encoding'] === 'gzip' && request.routeOptions.config.takesGzip === true;
  if (headers['content-encoding'] !== undefined && !isTakenPacked) throw new Problem({ status: 415, code: 'Unsupported.Media.Type', detail: 'Send the body without Content-Encoding.' });
  const declared = (request.routeOptions.schema as { consumes?: readonly string[] } | undefined)?.consumes;
  // PATCH bodies are merge patches (RFC 7396): null clears, what is not named stays.
  if (type !== undefined && request.method === 'PATCH' && !declared && /^application\/merge-patch\+json$/i.test(type)) return;
  if (type !== undefined && (declared ? declared.includes(type.toLowerCase()) : json.test(type))) return;
  throw new Problem({ status: 415, code: 'Unsupported.Media.Type', detail: `Send the body as ${declared?.join(', ') ?? 'application/json'}.` });
}
