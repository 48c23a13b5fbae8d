/**
 * One OpenAPI 3.1 document at `/openapi.json`, made from the zod schemas and the access declarations of the routes
 * themselves, and a page to browse it at `/docs`. Register it on the root before any feature.
 *
 * Shown: the REST and platform APIs and what is public. Not shown: pages for people, and the OAuth and OpenID Connect
 * endpoints, which describe themselves by discovery (RFC 8414).
 */
import swagger from '@fastify/swagger';
import type { FastifyInstance, RouteOptions } from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import { createJsonSchemaTransform, jsonSchemaTransformObject } from 'fastify-type-provider-zod';
import type { Core } from '../core.ts';
import type { RouteAccess } from './access.ts';
import { docsPage } from './docs-page.ts';
import { describeApi, platformServers, securitySchemes } from './openapi-frame.ts';
import { tidyDocument, type OpenApiDocument } from './openapi-tidy.ts';

const instancePrefix = '/t/:instance';
const toJsonSchema = createJsonSchemaTransform({ skipList: [] });

export const openApi = fastifyPlugin(async (app: FastifyInstance, { core }: { core: Core }) => {
  const scopes = { management: new Set<string>(), platform: new Set<string>() };
  app.addHook('onRoute', ({ config }) => {
    const access = config?.access;
    if (access?.credential === 'bearer') for (const scope of [access.scope, access.ownScope]) if (scope !== undefined) scopes.management.add(scope);
    if (access?.credential === 'platform') scopes.platform.add(access.scope);
  });

  await app.register(swagger, {
    // The generator wants to know the schemes now; their scopes are those of the routes, known at the end.
    openapi: { ...describeApi(core.config), components: { securitySchemes: securitySchemes(core.config, scopes) } },
    stripBasePath: false,
    transform: (document) => {
      const { schema: declared, route, url } = document as Omit<typeof document, 'schema'> & { schema: RouteOptions['schema'] };
      const access = route.config?.access;
      if (!access || !isDescribed(access, declared)) return { schema: { hide: true }, url };
      const { schema } = toJsonSchema(document);
      return {
        url: url.startsWith(instancePrefix) ? url.slice(instancePrefix.length) : url,
        schema: {
          ...schema,
          operationId: declared?.operationId ?? `${[route.method].flat()[0]?.toLowerCase() ?? ''}${url.replace(/\W+(\w)/g, (_all, letter: string) => letter.toUpperCase())}`,
          description: [declared?.description, needs(access)].filter(Boolean).join('\n\n'),
          security: securityOf(access),
          // Everything outside of an instance lives at the server's own address.
          ...(!url.startsWith(instancePrefix) && { servers: platformServers(core.config, access.credential === 'platform') }),
          ...(access.credential === 'bearer' && { 'x-permission': access.permission }),
        },
      };
    },
    transformObject: (document) => tidyDocument(jsonSchemaTransformObject(document) as OpenApiDocument, securitySchemes(core.config, scopes)),
  });

  let document: string | undefined;
  app.get('/openapi.json', {
    schema: { hide: true },
    config: { access: { credential: 'none' } },
  }, async (_request, reply) => {
    document ??= JSON.stringify(app.swagger());
    return reply.type('application/json; charset=utf-8').header('cache-control', 'no-cache').serializer((body: unknown) => String(body)).send(document);
  });

  await app.register(docsPage);
}, { name: 'openapi' });

function isDescribed(access: RouteAccess, schema: RouteOptions['schema']): boolean {
  if (access.credential === 'bearer' || access.credential === 'platform') return true;
  return access.credential !== 'page' && schema?.summary !== undefined && !schema.hide;
}

function securityOf(access: RouteAccess): Record<string, string[]>[] {
  switch (access.credential) {
    case 'bearer': return [{ management: [access.scope] }, ...(access.ownScope === undefined ? [] : [{ management: [access.ownScope] }]), { accessToken: [] }];
    case 'platform': return [{ platform: [access.scope] }, { accessToken: [] }];
    case 'protocol': return [{ client: [] }];
    case 'flow': return [{ flow: [] }];
    case 'operator': return [{ operator: [] }];
    case 'none': case 'page': return [];
  }
}

function needs(access: RouteAccess): string | undefined {
  switch (access.credential) {
    case 'bearer': return `Scope \`${access.scope}\`; an administrator also needs the permission \`${access.permission}\`.`;
    case 'platform': return `Scope \`${access.scope}\` of the platform API.`;
    case 'operator': return 'For the operator of the server.';
    case 'protocol': case 'flow': case 'none': case 'page': return undefined;
  }
}
