/** The callers of flows of one server. Protocols add theirs at start; the engine imports none. */
import { type Core, perCore } from '../../core/core.ts';
import type { FlowOrigin, OriginKind } from '../types.ts';

const originsOf = perCore(() => new Map<OriginKind, FlowOrigin>());

/** Adds a caller of flows; once per kind and server, before it listens. */
export function registerFlowOrigin(core: Core, origin: FlowOrigin): void {
  const origins = originsOf(core);
  if (origins.has(origin.kind)) throw new Error(`The flow origin ${origin.kind} is registered twice.`);
  origins.set(origin.kind, origin);
}

/** @throws when nobody registered it: a mistake of ours, for flows are only started by registered callers */
export function loadFlowOrigin(core: Core, kind: OriginKind): FlowOrigin {
  const origin = originsOf(core).get(kind);
  if (!origin) throw new Error(`No flow origin ${kind} is registered.`);
  return origin;
}
