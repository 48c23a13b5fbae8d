/**
 * The browsable form of the OpenAPI document: Swagger UI from our own origin, under a policy that allows no inline
 * script and no other host. Its files are served here one by one, because each route declares who may call it.
 */
import { createReadStream } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import type { FastifyInstance } from 'fastify';

const staticDirectory = path.join(path.dirname(createRequire(import.meta.url).resolve('@fastify/swagger-ui/package.json')), 'static');

const files = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
  'favicon-32x32.png': 'image/png',
};

/** Stricter than Swagger UI is usually served: it sets styles by script, which needs no inline style; its icons are data. */
const policy = [
  "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data:", "connect-src 'self'",
  "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
].join('; ');

const page = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Postern API</title>
<link rel="stylesheet" href="/docs/swagger-ui.css">
<link rel="icon" type="image/png" href="/docs/favicon-32x32.png">
</head>
<body>
<main id="swagger-ui"><p>The API as a document: <a href="/openapi.json">openapi.json</a></p></main>
<script src="/docs/swagger-ui-bundle.js"></script>
<script type="module" src="/docs/start.js"></script>
</body>
</html>
`;

/**
 * The page takes an access token and no client secret: what a browser page was told, its scripts know. So only the
 * scheme for a token that one already has is offered. No address comes from the query string, no token outlives the page.
 */
const script = `
const answer = await fetch('/openapi.json');
const api = await answer.json();
api.components.securitySchemes = { accessToken: api.components.securitySchemes.accessToken };
for (const item of Object.values(api.paths)) {
  for (const operation of Object.values(item)) {
    if (operation.security) operation.security = operation.security.filter((scheme) => 'accessToken' in scheme);
  }
}
SwaggerUIBundle({
  spec: api, dom_id: '#swagger-ui', deepLinking: true, docExpansion: 'none', filter: true,
  queryConfigEnabled: false, persistAuthorization: false, validatorUrl: null,
  presets: [SwaggerUIBundle.presets.apis], layout: 'BaseLayout',
});
`;

export async function docsPage(app: FastifyInstance): Promise<void> {
  const options = { schema: { hide: true }, config: { access: { credential: 'none' } } } as const;

  app.get('/docs', options, async (_request, reply) =>
    reply.type('text/html; charset=utf-8').headers({ 'content-security-policy': policy, 'cache-control': 'no-cache' }).send(page));
  app.get('/docs/start.js', options, async (_request, reply) =>
    reply.type('text/javascript; charset=utf-8').header('cache-control', 'no-cache').send(script));
  for (const [name, type] of Object.entries(files)) {
    app.get(`/docs/${name}`, options, async (_request, reply) =>
      reply.type(type).header('cache-control', 'public, max-age=3600').send(createReadStream(path.join(staticDirectory, name))));
  }
}
