/** The React example, built as its users build it and served on a port of its own. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { build } from 'vite';

export interface ReactExample { readonly origin: string; close(): Promise<void> }

const types: Readonly<Record<string, string>> = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css' };

export async function startReactExample(port: number, settings: { issuer: string; applicationId: string }): Promise<ReactExample> {
  const folder = await mkdtemp(path.join(tmpdir(), 'postern-react-'));
  await build({
    root: path.resolve('examples/react'), logLevel: 'silent', build: { outDir: folder, emptyOutDir: true },
    define: { 'import.meta.env.VITE_ISSUER': JSON.stringify(settings.issuer), 'import.meta.env.VITE_APPLICATION_ID': JSON.stringify(settings.applicationId) } });
  const server = createServer((request, response) => {
    const file = path.join(folder, path.normalize(request.url === '/' ? '/index.html' : request.url ?? ''));
    readFile(file).then(
      (content) => response.writeHead(200, { 'content-type': types[path.extname(file)] ?? 'application/octet-stream' }).end(content),
      () => response.writeHead(404).end());
  });
  await new Promise<void>((resolve) => { server.listen(port, 'localhost', resolve); });
  return {
    origin: `http://localhost:${port}`,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => { server.close(resolve); });
      await rm(folder, { recursive: true, force: true });
    },
  };
}
