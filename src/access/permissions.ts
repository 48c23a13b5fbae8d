/** Every permission that some route of this server asks for, with the scopes that its routes ask for besides. */
import type { FastifyInstance } from 'fastify';
import { type Core, perCore } from '../core/core.ts';

const declared = perCore(() => new Map<string, Set<string>>());

/** Reads the declarations of the routes that are registered from here on. */
export function noteDeclaredPermissions(app: FastifyInstance, core: Core): void {
  app.addHook('onRoute', ({ config }) => {
    const access = config?.access;
    if (access?.credential !== 'bearer') return;
    const scopes = declared(core).get(access.permission) ?? new Set();
    declared(core).set(access.permission, scopes.add(access.scope));
  });
}

/** By name; complete once the server is built. */
export const knownPermissions = (core: Core): ReadonlyMap<string, ReadonlySet<string>> => declared(core);
