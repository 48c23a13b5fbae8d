/** Calls of the management API over one kept connection. */
import { Agent, request as httpRequest } from 'node:http';
import { machine } from '../fixtures.ts';

export interface Answer { readonly status: number; readonly body: Record<string, unknown>; readonly milliseconds: number }
export type Call = (method: string, below: string, body?: object) => Promise<Answer>;

/** With a token of the instance's own program. An answer that is no success throws. */
export async function createCaller(port: number, instanceId: string): Promise<Call> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const send = (method: string, target: string, headers: Record<string, string>, body: string | undefined): Promise<Answer> => new Promise((resolve, reject) => {
    const started = performance.now();
    const sent = httpRequest({ host: '127.0.0.1', port, method, path: target, agent, headers: { ...headers, ...(body !== undefined && { 'content-length': String(Buffer.byteLength(body)) }) } }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('end', () => {
        const milliseconds = performance.now() - started;
        const text = Buffer.concat(chunks).toString('utf8');
        const status = answer.statusCode ?? 0;
        if (status >= 300) return reject(new Error(`${method} ${target}: ${status} ${text.slice(0, 500)}`));
        resolve({ status, milliseconds, body: (text === '' ? {} : JSON.parse(text)) as Record<string, unknown> });
      });
    });
    sent.on('error', reject).end(body);
  });
  const { body: { access_token: token } } = await send('POST', `/t/${instanceId}/oauth2/token`, {
    authorization: `Basic ${Buffer.from(`${machine.id}:${machine.secret}`).toString('base64')}`, 'content-type': 'application/x-www-form-urlencoded',
  }, 'grant_type=client_credentials');
  return (method, below, body) => send(method, `/t/${instanceId}/api/v1${below}`, {
    authorization: `Bearer ${String(token)}`, ...(body && { 'content-type': 'application/json' }),
  }, body && JSON.stringify(body));
}
