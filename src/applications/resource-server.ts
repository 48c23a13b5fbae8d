/**
 * The APIs that accept our access tokens (RFC 8707, RFC 9068). Those of the product itself are the same in every
 * instance: what they are called and can do is code, their address follows the issuer, and a row exists only to be
 * granted.
 */
import { type Core, perCore } from '../core/core.ts';
import { omit } from '../core/omit.ts';
import type { ResourceServer as ResourceServerRow } from '../generated/prisma/client.ts';
import { firstInstanceId, type Instance, type InstanceContext } from '../tenancy/index.ts';

export interface ResourceScope { readonly name: string; readonly description: string }

export interface ResourceServer extends Omit<ResourceServerRow, 'instanceId' | 'scopes' | 'tokenFormat' | 'signingAlgorithm'> {
  readonly scopes: readonly ResourceScope[];
  readonly tokenFormat: 'jwt' | 'opaque';
  readonly signingAlgorithm: 'RS256' | 'ES256' | 'EdDSA';
}

/** An API of the product. */
export interface BuiltInApi {
  /** `management`: in every instance; `platform`: in the first one. */
  readonly kind: 'management' | 'platform';
  readonly name: string;
  readonly scopes: readonly ResourceScope[];
}

const builtInIds = {
  management: 'rsrc_0000000000000000management',
  platform: 'rsrc_000000000000000000p1atf0rm',
} as const;

interface BuiltIns {
  readonly apis: Map<BuiltInApi['kind'], BuiltInApi>;
  /** Made once for an instance as it is now: asked at every request. */
  made: WeakMap<Instance, readonly ResourceServer[]>;
}

const builtInsOf = perCore((): BuiltIns => ({ apis: new Map(), made: new WeakMap() }));

/** Names an API of the product and its scopes; once, when the server is assembled. */
export function defineBuiltInApi(core: Core, api: BuiltInApi): void {
  const builtIns = builtInsOf(core);
  builtIns.apis.set(api.kind, api);
  builtIns.made = new WeakMap();
}

/** The resource indicator and audience of a built-in API (DESIGN: addresses). */
export function builtInIdentifier(context: InstanceContext, kind: BuiltInApi['kind']): string {
  return kind === 'management' ? `${context.instance.issuer}/api/v1` : `${context.core.config.consoleUrl}/platform/v1`;
}

/** The built-in APIs of an instance. */
export function builtInResourceServers(context: InstanceContext): readonly ResourceServer[] {
  const { made } = builtInsOf(context.core);
  const known = made.get(context.instance);
  if (known) return known;
  const servers = makeBuiltIn(context);
  made.set(context.instance, servers);
  return servers;
}

function makeBuiltIn(context: InstanceContext): readonly ResourceServer[] {
  return [...builtInsOf(context.core).apis.values()]
    .filter(({ kind }) => kind === 'management' || context.instance.id === firstInstanceId)
    .map(({ kind, name, scopes }) => ({
      id: builtInIds[kind], identifier: builtInIdentifier(context, kind), name, scopes, builtIn: true,
      accessTokenSeconds: context.instance.settings.tokens.accessTokenSeconds, tokenFormat: 'jwt', signingAlgorithm: 'ES256',
      version: 1, createdAt: new Date(0), updatedAt: new Date(0),
    }));
}

export function fromRow(stored: ResourceServerRow): ResourceServer {
  const { scopes, tokenFormat, signingAlgorithm, ...row } = omit(stored, 'instanceId');
  return {
    ...row,
    scopes: scopes as unknown as ResourceScope[],
    tokenFormat: tokenFormat as ResourceServer['tokenFormat'],
    signingAlgorithm: signingAlgorithm as ResourceServer['signingAlgorithm'],
  };
}

export function viewResourceServer(server: ResourceServer) {
  return { ...omit(server, 'version'), scopes: [...server.scopes], createdAt: server.createdAt.toISOString(), updatedAt: server.updatedAt.toISOString() };
}
