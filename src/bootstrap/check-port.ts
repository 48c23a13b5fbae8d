import { createServer } from 'node:net';

/**
 * Rejects when the server could not listen there: before the first start makes an administrator whose password would
 * be shown to nobody. Port 0 is any free port.
 */
export function checkPort(host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen({ host, port, exclusive: true }, () => { probe.close(() => { resolve(); }); });
  });
}
