/** Headers of every answer, and what only a person's browser may call. */
import type { FastifyInstance } from 'fastify';
import { denied } from '../errors.ts';

/** Sets the strict defaults; a page or asset that needs more sets its own policy in the route. */
export function setSecurityHeaders(app: FastifyInstance, options: { https: boolean }): void {
  const defaults: Record<string, string> = {
    'content-security-policy': "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    'referrer-policy': 'no-referrer',
    'permissions-policy': 'camera=(), geolocation=(), microphone=(), payment=(), usb=()',
    'cross-origin-resource-policy': 'same-origin',
    ...(options.https && { 'strict-transport-security': 'max-age=63072000; includeSubDomains' }),
  };
  // Early, so that an answer which takes over the socket (the OpenID provider) finds them on the raw response too.
  const entries = Object.entries(defaults);
  app.addHook('onRequest', (_request, reply, done) => {
    for (const [name, value] of entries) reply.raw.setHeader(name, value);
    done();
  });
}

/**
 * Interactive endpoints answer top-level navigations only: a script on the same origin must not read another
 * instance's pages or codes (Fetch Metadata; browsers that send none are let through).
 */
export function requireNavigation(app: FastifyInstance): void {
  app.addHook('onRequest', (request, _reply, done) => {
    if (request.headers['service-worker'] !== undefined) throw denied('No service worker may be registered here.');
    if (request.routeOptions.config.access?.credential === 'page') rejectSubresource(request.headers);
    done();
  });
}

/** @throws Problem 403 when Fetch Metadata says that this is no navigation of a top-level window */
export function rejectSubresource(headers: Record<string, string | string[] | undefined>): void {
  const mode = headers['sec-fetch-mode'];
  const destination = headers['sec-fetch-dest'];
  if ((mode !== undefined && mode !== 'navigate') || (destination !== undefined && destination !== 'document')) {
    throw denied('This address is a page for people: open it in a browser window.');
  }
}
