/** A web server that only counts: for addresses that must not be called. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Listener {
  /** `http://127.0.0.1:{port}` */
  readonly url: string;
  readonly port: number;
  /** Paths that were asked for. */
  readonly requests: string[];
  /** TCP connections, also those that sent nothing. */
  connections(): number;
  close(): Promise<void>;
}

/** Listens on a free loopback port and answers everything with `answer`. */
export async function listen(answer: { status?: number; headers?: Record<string, string>; body?: string } = {}): Promise<Listener> {
  const requests: string[] = [];
  let connections = 0;
  const server = createServer((request, response) => {
    requests.push(request.url ?? '');
    response.writeHead(answer.status ?? 200, { 'content-type': 'application/json', ...answer.headers }).end(answer.body ?? '{"keys":[]}');
  });
  server.on('connection', () => { connections += 1; });
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`, port, requests, connections: () => connections,
    close: () => new Promise((resolve) => { server.close(() => { resolve(); }); server.closeAllConnections(); }),
  };
}
