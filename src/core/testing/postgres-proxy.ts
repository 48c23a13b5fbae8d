import { once } from 'node:events';
import { createServer, connect, type Socket } from 'node:net';

export interface PostgresProxy {
  /** The database through the proxy. */
  readonly url: string;
  /** Cuts all connections; new ones go through. */
  cut(): void;
  /** Cuts all connections and refuses new ones, until `pass` is called. */
  refuse(): void;
  /** Connections stay open, new ones too, and nothing goes through any more: a cable that was pulled. */
  swallow(): void;
  pass(): void;
  close(): Promise<void>;
}

/** A loopback proxy before a database, with the faults that a network has. */
export async function startPostgresProxy(databaseUrl: string): Promise<PostgresProxy> {
  const target = new URL(databaseUrl);
  const folder = target.searchParams.get('host');
  const port = Number(target.port || 5432);
  const sockets = new Set<Socket>();
  let mode: 'pass' | 'refuse' | 'swallow' = 'pass';

  const server = createServer((inbound) => {
    if (mode === 'refuse') return inbound.destroy();
    const outbound = folder ? connect(`${folder}/.s.PGSQL.${port}`) : connect(port, target.hostname);
    for (const [from, to] of [[inbound, outbound], [outbound, inbound]] as const) {
      sockets.add(from);
      from.on('data', (bytes) => { if (mode !== 'swallow') to.write(bytes); });
      from.on('error', () => to.destroy());
      from.on('close', () => { sockets.delete(from); to.destroy(); });
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('The proxy has no port');

  const url = new URL(databaseUrl);
  url.searchParams.delete('host');
  url.hostname = '127.0.0.1';
  url.port = String(address.port);
  const cut = (): void => { for (const socket of sockets) socket.destroy(); };
  return {
    url: url.href,
    cut,
    refuse() { mode = 'refuse'; cut(); },
    swallow() { mode = 'swallow'; },
    pass() { mode = 'pass'; },
    async close() {
      const closed = once(server, 'close');
      server.close();
      cut();
      await closed;
    },
  };
}
