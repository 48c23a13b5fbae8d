/** Gives every request of a route under `/t/:instance` its InstanceContext, or refuses it. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Core } from '../core/core.ts';
import { notFound } from '../core/errors.ts';
import { createContext, type Instance, type InstanceContext } from './context.ts';
import { instanceNotFound, instanceSuspended, misdirected } from './errors.ts';
import { hostMap } from './host-map.ts';
import { loadInstance } from './instances.ts';
import { addressOf } from './request-address.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** The instance of the request and who acts. Only in routes under `/t/:instance` and of the platform API. */
    instanceContext: InstanceContext;
  }
}

const contexts = new WeakMap<FastifyRequest, InstanceContext>();

/** Whether the request has an instance, for hooks that run on all routes. */
export const hasInstanceContext = (request: FastifyRequest): boolean => contexts.has(request);

/**
 * Call it with the root, before anything that asks for the instance. The root is made with
 * `rewriteUrl: rewriteInstanceHost(core)`: what that refused is refused here, on every route.
 */
export async function instanceScope(app: FastifyInstance, { core }: { core: Core }): Promise<void> {
  await hostMap(core).load();
  app.addHook('onClose', async () => hostMap(core).close());
  app.decorateRequest<InstanceContext, 'instanceContext'>('instanceContext', {
    getter(this: FastifyRequest) {
      const context = contexts.get(this);
      if (!context) throw new Error(`${this.method} ${this.routeOptions.url ?? ''} has no instance`);
      return context;
    },
    setter(this: FastifyRequest, context: InstanceContext) { contexts.set(this, context); },
  });

  app.addHook('onRequest', async (request) => {
    const address = addressOf(request.raw);
    if (address.kind === 'refused') throw address.status === 421 ? misdirected() : notFound('address');
    // The router decoded the path once more; what it found must be what was read before.
    const routed = (request.params as { instance?: string }).instance;
    if (address.kind !== 'instance') {
      if (routed !== undefined) throw notFound('address');
      return;
    }
    request.log = request.log.child({ instanceId: address.instanceId });
    const instance = await loadInstance(core, address.instanceId);
    if (!instance || instance.status === 'deleted' || !(address.relyingParty ?? isServedAt(core, instance, address.host))) throw instanceNotFound();
    if (routed !== undefined && routed !== instance.id) throw instanceNotFound();
    request.instanceContext = createContext(core, instance, {
      requestId: request.id, address: request.ip, userAgent: request.headers['user-agent'],
    });
    if (instance.status === 'suspended') throw instanceSuspended();
  });
}

/** Each instance has one address, its issuer: served at two origins it would be two instances for browsers. */
function isServedAt(core: Core, instance: Instance, host: string | undefined): boolean {
  return host === undefined ? instance.issuer === `${core.config.publicUrl}/t/${instance.id}` : new URL(instance.issuer).host === host;
}
