/**
 * Idempotency-Key on POST (draft-ietf-httpapi-idempotency-key-header): a repeated request gets the first one's answer
 * and does nothing. The answer belongs to one principal, route and body; it is sealed, because it may show a new
 * secret. A server that dies between the change and the answer leaves a key that works again after two minutes.
 */
import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Core } from '../core/core.ts';
import { invalidParameters, Problem } from '../core/errors.ts';
import { sha256 } from '../core/secrets.ts';
import type { IdempotencyKey } from '../generated/prisma/client.ts';
import { forEachInstance, type InstanceContext, type Principal } from '../tenancy/index.ts';

export const keptSeconds = 86_400;
const inFlightSeconds = 120;
const largestAnswer = 262_144;
const keptHeaders = ['content-type', 'location', 'etag'] as const;

interface Reservation { readonly context: InstanceContext; readonly principal: string; readonly key: string }
const storedAnswer = z.object({ headers: z.record(z.string(), z.string()), body: z.string() });

/** Adds the hooks; they run on POST routes with a bearer or platform credential. */
export function replayPosts(app: FastifyInstance, { core }: { core: Core }): void {
  const reservations = new WeakMap<FastifyRequest, Reservation>();

  app.addHook('preHandler', async (request, reply) => {
    const key = readKey(request);
    if (key === undefined) return;
    const context = request.instanceContext;
    const reservation: Reservation = { context, principal: nameOf(context.principal), key };
    const route = `${request.method} ${request.url.split('?', 1)[0] ?? ''}`;
    const known = await reserve(reservation, route, sha256(JSON.stringify([request.query, comparedBody(request)])));
    if (!known) {
      reservations.set(request, reservation);
      return;
    }
    if (known.status === null || known.sealedAnswer === null) throw stillAtWork();
    return replay(reply, reservation, known.status, known.sealedAnswer);
  });

  app.addHook('onSend', async (request, reply, payload) => {
    const reservation = reservations.get(request);
    if (!reservation) return;
    reservations.delete(request);
    // The work is done: an answer that cannot be kept must not turn it into a failure.
    await keepAnswer(reservation, reply, payload).catch((error: unknown) => request.log.warn({ err: error }, 'The answer for an Idempotency-Key could not be kept'));
  });

  core.jobs.schedule('access.purge-idempotency-keys', '11 * * * *', () => forEachInstance(core, async (context) => {
    await context.db.idempotencyKey.deleteMany({ where: { expiresAt: { lt: context.now() } } });
  }));
}

function readKey(request: FastifyRequest): string | undefined {
  const header = request.headers['idempotency-key'];
  const credential = request.routeOptions.config.access?.credential;
  if (header === undefined || request.method !== 'POST' || (credential !== 'bearer' && credential !== 'platform')) return undefined;
  if (typeof header !== 'string' || !/^[\x21-\x7e]{1,255}$/.test(header)) {
    throw invalidParameters([{ field: 'Idempotency-Key', code: 'invalid', detail: 'must be 1 to 255 printable ASCII characters, such as a UUID, and come once' }]);
  }
  return header;
}

/** What two requests with one key must have alike. An upload that is still arriving is known by its length, and by its digest where it has one (RFC 9530). */
function comparedBody({ body, headers }: FastifyRequest): unknown {
  if (!(body instanceof Readable)) return body ?? null;
  const length = headers['content-length'];
  const digest = headers['content-digest'] ?? headers['repr-digest'];
  if (length === undefined && digest === undefined) throw invalidParameters([{ field: 'Idempotency-Key', code: 'unknown_length', detail: 'goes with an upload only when that has a Content-Length or a Content-Digest' }]);
  return { length, digest, encoding: headers['content-encoding'] };
}

/** A person's keys are apart for each application that acts for them: their tokens may not do the same. */
function nameOf(principal: Principal): string {
  if (principal.kind === 'user') return `user:${principal.id}:${principal.applicationId ?? ''}`;
  return 'id' in principal ? `${principal.kind}:${principal.id ?? ''}` : principal.kind;
}

/** Undefined: the key is ours now. Else what an earlier request with it left. @throws Problem 422 for another request */
async function reserve({ context, principal, key }: Reservation, route: string, bodyHash: string): Promise<IdempotencyKey | undefined> {
  const { db } = context;
  const now = context.now();
  await db.idempotencyKey.deleteMany({ where: { principal, key, expiresAt: { lte: now } } });
  const { count } = await db.idempotencyKey.createMany({
    data: [{ principal, key, route, bodyHash, createdAt: now, expiresAt: new Date(now.getTime() + inFlightSeconds * 1000) }], skipDuplicates: true,
  });
  if (count === 1) return undefined;
  const known = await db.idempotencyKey.findUnique({ where: idOf({ context, principal, key }) });
  if (!known) throw stillAtWork();                   // it was given up this moment
  if (known.route !== route || known.bodyHash !== bodyHash) throw usedForAnother();
  return known;
}

const idOf = ({ context, principal, key }: Reservation) => ({ instanceId_principal_key: { instanceId: context.instance.id, principal, key } });
const placeOf = ({ context, principal, key }: Reservation) => `${context.instance.id}/IdempotencyKey/${principal}/${key}/sealedAnswer`;

/** What failed on our side, or was too much to keep, may be tried again. */
async function keepAnswer(reservation: Reservation, reply: FastifyReply, payload: unknown): Promise<void> {
  const { context } = reservation;
  const body = payload === undefined || payload === null ? '' : payload;
  if (reply.statusCode >= 500 || typeof body !== 'string' || body.length > largestAnswer) {
    await context.db.idempotencyKey.deleteMany({ where: { principal: reservation.principal, key: reservation.key } });
    return;
  }
  const headers = Object.fromEntries(keptHeaders.flatMap((name) => { const value = reply.getHeader(name); return value === undefined ? [] : [[name, String(value)]]; }));
  const sealedAnswer = context.core.keyring.seal(JSON.stringify({ headers, body }), placeOf(reservation));
  const expiresAt = new Date(context.now().getTime() + keptSeconds * 1000);
  await context.db.idempotencyKey.update({ where: idOf(reservation), data: { status: reply.statusCode, sealedAnswer, expiresAt } });
}

async function replay(reply: FastifyReply, reservation: Reservation, status: number, sealed: string): Promise<FastifyReply> {
  const { headers, body } = storedAnswer.parse(JSON.parse(reservation.context.core.keyring.open(sealed, placeOf(reservation)).toString('utf8')));
  return reply.code(status).headers(headers).header('idempotent-replayed', 'true').send(body === '' ? undefined : body);
}

const stillAtWork = () => new Problem({
  status: 409, code: 'Operation.Failure.Request.In.Progress', headers: { 'retry-after': '1' },
  detail: 'The first request with this Idempotency-Key is still at work. Try again shortly.',
});

const usedForAnother = () => new Problem({
  status: 422, code: 'Operation.Failure.Idempotency.Key.Reused',
  detail: 'This Idempotency-Key was used for another route or body. Make a new one for each request.',
});
