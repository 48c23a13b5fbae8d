/** Liveness, readiness and metrics. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { Core } from '../core.ts';
import { denied } from '../errors.ts';

export interface HealthOptions {
  core: Core;
  /** Says what is missing for a sign-in to work; empty when nothing is. */
  missing: () => Promise<string[]>;
}

const answer = z.object({ status: z.string(), missing: z.array(z.string()).optional() });

export async function health(app: FastifyInstance, { core, missing }: HealthOptions): Promise<void> {
  const routes = app.withTypeProvider<ZodTypeProvider>();
  routes.get('/healthz', {
    schema: { summary: 'Is the process alive?', tags: ['Operations'], response: { 200: answer } },
    config: { access: { credential: 'none' } },
  }, async () => ({ status: 'ok' }));

  routes.get('/readyz', {
    schema: { summary: 'Would a sign-in work now?', tags: ['Operations'], response: { 200: answer, 503: answer } },
    config: { access: { credential: 'none' } },
  }, async (_request, reply) => {
    const gaps = await missing();
    return gaps.length === 0 ? { status: 'ready' } : reply.code(503).send({ status: 'not ready', missing: gaps });
  });

  routes.get('/metrics', {
    schema: { summary: 'Prometheus metrics: from loopback, or with METRICS_TOKEN as bearer token.', tags: ['Operations'], response: { 200: z.string() } },
    config: { access: { credential: 'operator' } },
  }, async (request, reply) => {
    const token = core.config.metricsToken;
    const given = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1];
    const allowed = token === undefined ? isLocal(request) : given !== undefined && equal(given, token);
    if (!allowed) throw denied('Metrics are for the operator: ask from the same machine, or set METRICS_TOKEN and send it as a bearer token.');
    return reply.type(core.metrics.registry.contentType).serializer((text: unknown) => String(text)).send(await core.metrics.registry.metrics());
  });
}

/** From this machine, and not by a proxy on it, which speaks for anybody. */
function isLocal(request: FastifyRequest): boolean {
  const { headers, socket } = request.raw;
  const isForwarded = ['forwarded', 'x-forwarded-for', 'x-real-ip', 'via'].some((name) => headers[name] !== undefined);
  return !isForwarded && ['127.0.0.1', '::1', '::ffff:127.0.0.1'].includes(socket.remoteAddress ?? '');
}

function equal(left: string, right: string): boolean {
  const [a, b] = [Buffer.from(left), Buffer.from(right)];
  return a.length === b.length && timingSafeEqual(a, b);
}
