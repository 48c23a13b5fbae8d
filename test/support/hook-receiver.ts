/** A receiver of flow webhooks: keeps what it was sent, and answers as a test says. */
import { createHmac } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface ReceivedCall { readonly path: string; readonly headers: Record<string, string | undefined>; readonly body: string; readonly json: Record<string, unknown> }
export interface HookAnswerSent { readonly status?: number; readonly body?: unknown; readonly delayMs?: number; readonly hangUp?: boolean }
export interface HookReceiver {
  readonly url: string;
  readonly calls: ReceivedCall[];
  answer: (call: ReceivedCall) => HookAnswerSent;
  close(): Promise<void>;
}

export async function startHookReceiver(): Promise<HookReceiver> {
  const calls: ReceivedCall[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString('utf8');
      const call = { path: request.url ?? '', headers: request.headers as Record<string, string>, body, json: JSON.parse(body) as Record<string, unknown> };
      calls.push(call);
      const { status = 200, body: answered = { action: 'continue' }, delayMs = 0, hangUp = false } = receiver.answer(call);
      setTimeout(() => {
        if (hangUp) request.socket.destroy();
        else response.writeHead(status, { 'content-type': 'application/json' }).end(typeof answered === 'string' ? answered : JSON.stringify(answered));
      }, delayMs).unref();
    });
  });
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  const receiver: HookReceiver = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`, calls, answer: () => ({}),
    close: () => new Promise((resolve) => { server.close(() => { resolve(); }); server.closeAllConnections(); }),
  };
  return receiver;
}

/** What a receiver checks, written anew from the documentation: one of the signatures fits, and is not old. */
export function isSignedBy(secret: string, { headers, body }: ReceivedCall, now = Date.now()): boolean {
  const parts = (headers['x-postern-signature'] ?? '').split(',').map((part) => part.split('='));
  const time = parts.find(([name]) => name === 't')?.[1] ?? '';
  const expected = createHmac('sha256', secret).update(`${time}.${body}`).digest('hex');
  return Math.abs(now / 1_000 - Number(time)) < 300 && parts.some(([name, value]) => name === 'v1' && value === expected);
}
