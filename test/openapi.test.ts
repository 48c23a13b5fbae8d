/** The OpenAPI document of the whole server, and the page that shows it. */
import { Validator } from '@seriousme/openapi-schema-validator';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from './support/server.ts';

interface Operation {
  operationId?: string; summary?: string; tags?: string[]; security?: Record<string, string[]>[]; servers?: { url: string }[];
  responses: Record<string, { $ref?: string; description?: string }>; parameters?: { $ref?: string; name?: string; in?: string }[];
  requestBody?: { content: Record<string, { schema: { $ref?: string } }> };
}
interface Document {
  openapi: string; servers: { url: string }[]; tags: { name: string; description: string }[]; paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, { examples?: unknown[]; additionalProperties?: unknown }>; responses: Record<string, unknown>; securitySchemes: Record<string, { flows?: { clientCredentials: { scopes: Record<string, string> } } }> };
}

let server: TestServer;
let document: Document;
let operations: { path: string; method: string; operation: Operation }[];
beforeAll(async () => {
  server = await startTestServer();
  document = await (await fetch(`${server.origin}/openapi.json`)).json() as Document;
  operations = Object.entries(document.paths).flatMap(([path, item]) => Object.entries(item).map(([method, operation]) => ({ path, method, operation })));
});
afterAll(async () => { await server.close(); });

describe('/openapi.json', () => {
  it('is valid OpenAPI 3.1', async () => {
    const validator = new Validator();
    const { valid, errors } = await validator.validate(structuredClone(document) as unknown as Record<string, unknown>);
    expect(errors).toBeUndefined();
    expect(valid).toBe(true);
    expect(validator.version).toBe('3.1');
  });

  it('has every route with a token, as it was declared', () => {
    const declared = server.app.declaredRoutes.filter(({ access, method }) => method !== 'HEAD' && (access.credential === 'bearer' || access.credential === 'platform'));
    expect(declared.length).toBeGreaterThan(40);
    for (const { method, url, access } of declared) {
      const path = url.replace('/t/:instance', '').replace(/:(\w+)/g, '{$1}');
      const operation = document.paths[path]?.[method.toLowerCase()];
      const scheme = access.credential === 'bearer' ? 'management' : 'platform';
      expect(operation?.security, `${method} ${url}`).toContainEqual({ [scheme]: ['scope' in access ? access.scope : ''] });
      expect(document.components.securitySchemes[scheme]?.flows?.clientCredentials.scopes).toHaveProperty('scope' in access ? access.scope : '');
    }
  });

  it('has no page for people in it, and no secret of the server', () => {
    const pages = server.app.declaredRoutes.filter(({ access }) => access.credential === 'page').map(({ url }) => url.replace('/t/:instance', '').replace(/:(\w+)/g, '{$1}'));
    for (const page of pages) expect(document.paths[page]?.['get'], page).toBeUndefined();
    expect(JSON.stringify(document)).not.toContain(server.machine.clientSecret);
  });

  it('names, sums up and groups every operation, and each name is there once', () => {
    const names = operations.map(({ operation }) => operation.operationId);
    expect(new Set(names).size).toBe(names.length);
    const groups = new Set(document.tags.map(({ name }) => name));
    for (const { path, method, operation } of operations) {
      expect(operation.operationId, `${method} ${path}`).toMatch(/^[a-z][A-Za-z0-9]+$/);
      expect(operation.summary, `${method} ${path}`).toEqual(expect.any(String));
      expect(operation.tags, `${method} ${path}`).toHaveLength(1);
      for (const tag of operation.tags ?? []) expect(groups, `${method} ${path}`).toContain(tag);
    }
  });

  it('says the refusals of every operation with a token, in one shared form', () => {
    for (const { path, method, operation } of operations.filter(({ operation: { security = [] } }) => security.some((scheme) => 'management' in scheme || 'platform' in scheme))) {
      for (const status of ['400', '401', '403', '429', '500', '503']) expect(operation.responses[status]?.$ref, `${method} ${path} ${status}`).toBe(`#/components/responses/Refusal${status}`);
    }
  });

  it('resolves every reference and keeps nothing unused', () => {
    const text = JSON.stringify(document);
    const used = new Set([...text.matchAll(/"#\/components\/(\w+)\/([^"]+)"/g)].map(([, kind, name]) => `${kind ?? ''}/${name ?? ''}`));
    const present = (['schemas', 'responses'] as const).flatMap((kind) => Object.keys(document.components[kind]).map((name) => `${kind}/${name}`));
    expect([...used].filter((name) => !name.startsWith('parameters/')).sort()).toEqual(present.sort());
  });

  it('gives an example of what a request takes, one that the server accepts', async () => {
    const body = document.paths['/api/v1/users']?.['post']?.requestBody?.content['application/json']?.schema.$ref?.split('/').at(-1) ?? '';
    const example = document.components.schemas[body]?.examples?.[0];
    expect(await server.api('POST', '/users', example)).toMatchObject({ status: 201 });
    for (const [path, name] of [['/applications', 'CreateApplication'], ['/resource-servers', 'CreateResourceServer']] as const) {
      expect(await server.api('POST', path, document.components.schemas[name]?.examples?.[0])).toMatchObject({ status: 201 });
    }
  });

  it('is for the server\'s own address, not for an instance\'s', async () => {
    expect(document.servers[0]?.url).toBe(`${server.origin}/t/{instance}`);
    expect((await fetch(`${server.issuer}/openapi.json`)).status).toBe(404);
    expect((await fetch(`${server.issuer}/docs`)).status).toBe(404);
  });
});

describe('/docs', () => {
  it('comes from our own origin under a policy without inline script or style', async () => {
    const page = await fetch(`${server.origin}/docs`);
    const policy = page.headers.get('content-security-policy') ?? '';
    expect(page.status).toBe(200);
    expect(policy).toContain("default-src 'none'; script-src 'self'; style-src 'self'; img-src");
    expect(policy).toContain("frame-ancestors 'none'");
    const html = await page.text();
    expect(html).not.toMatch(/<script(?![^>]*\ssrc=)|\son\w+=|https?:\/\//);
    for (const [, address = ''] of html.matchAll(/(?:src|href)="([^"]+)"/g)) {
      const file = await fetch(`${server.origin}${address}`);
      expect(file.status, address).toBe(200);
      expect(file.headers.get('x-content-type-options')).toBe('nosniff');
      await file.arrayBuffer();
    }
  });
});
