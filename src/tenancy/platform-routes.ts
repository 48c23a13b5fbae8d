/** `/platform/v1/instances` and `/plans`: for the operator of the server. Tokens come from the first instance. */
import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { Core } from '../core/core.ts';
import { invalidParameters } from '../core/errors.ts';
import type { RouteAccess } from '../core/http/access.ts';
import { answers, noContent } from '../core/http/answers.ts';
import { decodeCursor, pageFrom } from '../core/http/paging.ts';
import type { Instance as InstanceRow } from '../generated/prisma/client.ts';
import { issuerOf } from './addresses.ts';
import { createContext, type Instance, type InstanceContext } from './context.ts';
import { deleteInstance } from './delete-instance.ts';
import { instanceNotFound, instanceSharesOrigin } from './errors.ts';
import { exportInstance } from './export-instance.ts';
import { createInstance, listInstances, loadInstanceRow, renameInstance, resumeInstance, suspendInstance, toInstance } from './instances.ts';
import { assignPlan } from './plans/assignment.ts';
import { planRoutes } from './plans/platform-routes.ts';
import { createdInstance, createInstanceBody, type FirstAdministrator, instancePage, instanceParams, instanceSchema, listInstancesQuery, renameInstanceBody } from './schemas.ts';

export interface PlatformOptions {
  core: Core;
  /** Makes the first administrator of a new instance, within its creating transaction, and the one-time link to set the account up. */
  createFirstAdministrator?: (context: InstanceContext, administrator: FirstAdministrator) => Promise<{ url: string; expiresAt: Date }>;
}

const read: RouteAccess = { credential: 'platform', scope: 'instance:read' };
const manage: RouteAccess = { credential: 'platform', scope: 'instance:manage' };

/** Register it on the root, after the authorization hook. */
export async function platform(app: FastifyInstance, { core, createFirstAdministrator }: PlatformOptions): Promise<void> {
  const routes = app.withTypeProvider<ZodTypeProvider>();
  const tags = ['Platform'];
  const path = '/platform/v1/instances';
  const onePath = `${path}/:instanceId`;
  await app.register(planRoutes, { core, contextOf: (request: FastifyRequest, id: string) => contextOf(core, request, id) });

  routes.get(path, {
    schema: { operationId: 'listInstances', summary: 'List instances', tags, querystring: listInstancesQuery, response: answers({ 200: instancePage }) },
    config: { access: read },
  }, async ({ query: { limit, cursor } }) => {
    const after = decodeCursor(core.keyring, 'platform/instances', cursor)?.[0];
    const rows = await listInstances(core, { limit: limit + 1, ...(after !== undefined && { after: String(after) }) });
    const page = pageFrom(core.keyring, 'platform/instances', rows, limit, (row) => [row.id]);
    return { items: page.items.map((row) => viewInstance(core, row)), next: page.next };
  });

  routes.post(path, {
    schema: {
      operationId: 'createInstance', summary: 'Create an instance', tags, body: createInstanceBody, response: answers({ 201: createdInstance }),
      description: 'With its own issuer, keys, users and applications. Instances under one address are for one owner.',
    },
    config: { access: manage },
  }, async (request, reply) => {
    const { id, name, separateOwner, planId, administrator } = request.body;
    if (separateOwner && core.config.instanceHostSuffix === undefined && !core.config.allowSeveralOwnersOnOneOrigin) throw instanceSharesOrigin();
    if (administrator && !createFirstAdministrator) throw invalidParameters([{ field: 'administrator', code: 'unsupported', detail: 'This server makes no administrators here; leave it out.' }]);
    let setupLink: { url: string; expiresAt: Date } | undefined;
    const context = await createInstance(core, { id, name }, {
      ...operatorOf(request),
      // In the same transaction: no instance is left behind that nobody can enter.
      prepare: async (tx) => {
        if (planId !== undefined) await assignPlan(tx, planId);
        setupLink = administrator && await createFirstAdministrator?.(tx, administrator);
      },
    });
    return reply.code(201).header('location', `${core.config.consoleUrl}${path}/${id}`).send({
      ...viewInstance(core, await loadInstanceRow(context)),
      setupLink: setupLink ? { url: setupLink.url, expiresAt: setupLink.expiresAt.toISOString() } : null,
    });
  });

  routes.get(onePath, {
    schema: { operationId: 'getInstance', summary: 'Read an instance', tags, params: instanceParams, response: answers({ 200: instanceSchema }) },
    config: { access: read },
  }, async ({ params }) => viewInstance(core, await loadRow(core, params.instanceId)));

  const verbs = {
    suspend: { change: suspendInstance, operationId: 'suspendInstance', summary: 'Refuse every protocol, page and API of the instance' },
    resume: { change: resumeInstance, operationId: 'resumeInstance', summary: 'Serve a suspended instance again' },
  };
  for (const [verb, { change, ...description }] of Object.entries(verbs)) {
    routes.post(`${onePath}/${verb}`, {
      schema: { ...description, tags, params: instanceParams, response: answers({ 200: instanceSchema }) },
      config: { access: manage },
    }, async (request) => viewInstance(core, await change(await contextOf(core, request, request.params.instanceId))));
  }

  routes.patch(onePath, {
    schema: { operationId: 'renameInstance', summary: 'Change the name', tags, params: instanceParams, body: renameInstanceBody, response: answers({ 200: instanceSchema }) },
    config: { access: manage },
  }, async (request) => viewInstance(core, await renameInstance(await contextOf(core, request, request.params.instanceId), request.body.name)));

  routes.get(`${onePath}/export`, {
    schema: {
      operationId: 'exportInstance', summary: 'All data as lines of JSON, without secrets', tags, params: instanceParams,
      produces: ['application/x-ndjson'], response: answers({ 200: z.string().describe('Lines of JSON, each with `model` and `row`.') }),
    },
    config: { access: manage },
  }, async (request, reply) => {
    const context = await contextOf(core, request, request.params.instanceId);
    // A stream is not serialized; the declared answer is text.
    return reply.header('content-type', 'application/x-ndjson').header('cache-control', 'no-store').send(Readable.from(exportInstance(context)) as unknown as string);
  });

  routes.delete(onePath, {
    schema: {
      operationId: 'deleteInstance', summary: 'Delete an instance and all its data', tags, params: instanceParams, response: answers({ 204: noContent }),
      description: 'At once for everybody; the rows are erased within minutes. Its name is never given out again.',
    },
    config: { access: manage },
  }, async (request, reply) => {
    await deleteInstance(await contextOf(core, request, request.params.instanceId));
    return reply.code(204).send();
  });
}

async function loadRow(core: Core, id: string): Promise<InstanceRow> {
  const row = await core.database.instance.findUnique({ where: { id } });
  if (!row || row.status === 'deleted') throw instanceNotFound();
  return row;
}

async function contextOf(core: Core, request: FastifyRequest, id: string): Promise<InstanceContext> {
  return createContext(core, toInstance(core, await loadRow(core, id)), operatorOf(request));
}

/** In the log of the instance the caller is the operator; who that is, is an id of the first instance. */
function operatorOf({ instanceContext: { principal, requestId, address, userAgent } }: FastifyRequest) {
  return {
    principal: { kind: 'operator' as const, ...((principal.kind === 'user' || principal.kind === 'application') && { id: principal.id }) },
    requestId, address, userAgent,
  };
}

function viewInstance(core: Core, row: InstanceRow) {
  const issuer = issuerOf(core.config, row);
  return {
    id: row.id, name: row.name, status: row.status as Instance['status'], issuer,
    sharesOrigin: new URL(issuer).origin === core.config.publicUrl,
    createdAt: row.createdAt.toISOString(), suspendedAt: row.suspendedAt?.toISOString() ?? null,
  };
}
