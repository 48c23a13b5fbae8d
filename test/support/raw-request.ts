/** HTTP as bytes: what no client library would send, written to the socket as it stands. */
import { connect } from 'node:net';

export interface RawAnswer {
  readonly status: number;
  /** Names in lower case; values that came several times are all there. */
  readonly headers: Map<string, string[]>;
  readonly body: string;
  /** Milliseconds from the last byte sent to the end of the answer. */
  readonly took: number;
}

export interface RawRequest {
  readonly method?: string;
  /** The request target as it is written on the wire. */
  readonly target: string;
  /** One line each, in this order; Host and Connection are added unless named. */
  readonly headers?: readonly (readonly [string, string])[];
  readonly body?: string | Buffer;
}

/** Sends one request and reads the answer to the end of the connection. `host` is the Host line. */
export function sendRaw(port: number, host: string, request: RawRequest): Promise<RawAnswer> {
  const { method = 'GET', target, headers = [], body = '' } = request;
  const names = new Set(headers.map(([name]) => name.toLowerCase()));
  const lines = [
    ...(names.has('host') ? [] : [['Host', host] as const]),
    ...(names.has('connection') ? [] : [['Connection', 'close'] as const]),
    ...(body.length > 0 && !names.has('content-length') && !names.has('transfer-encoding') ? [['Content-Length', String(Buffer.byteLength(body))] as const] : []),
    ...headers,
  ].map(([name, value]) => `${name}: ${value}\r\n`).join('');
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    const chunks: Buffer[] = [];
    let started = performance.now();
    socket.setTimeout(20_000, () => { socket.destroy(new Error(`no answer to ${method} ${target.slice(0, 100)}`)); });
    socket.on('connect', () => {
      socket.write(`${method} ${target} HTTP/1.1\r\n${lines}\r\n`, 'latin1');
      socket.write(typeof body === 'string' ? Buffer.from(body) : new Uint8Array(body), () => { started = performance.now(); });
    });
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    // A server that refuses before it has read all may close while we still write: what it answered counts.
    socket.on('error', (error) => { if (chunks.length === 0) reject(error); });
    socket.on('close', () => { if (chunks.length > 0) resolve(parse(Buffer.concat(chunks), performance.now() - started)); else reject(new Error('closed without an answer')); });
  });
}

function parse(bytes: Buffer, took: number): RawAnswer {
  const end = bytes.indexOf('\r\n\r\n');
  const [statusLine = '', ...lines] = bytes.subarray(0, end < 0 ? bytes.length : end).toString('latin1').split('\r\n');
  const headers = new Map<string, string[]>();
  for (const line of lines) {
    const name = line.slice(0, line.indexOf(':')).toLowerCase();
    headers.set(name, [...headers.get(name) ?? [], line.slice(line.indexOf(':') + 1).trim()]);
  }
  const rest = end < 0 ? Buffer.alloc(0) : bytes.subarray(end + 4);
  return { status: Number(statusLine.split(' ')[1]), headers, body: (headers.get('transfer-encoding')?.includes('chunked') ? unchunk(rest) : rest).toString('utf8'), took };
}

function unchunk(bytes: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    const lineEnd = bytes.indexOf('\r\n', at);
    const size = Number.parseInt(bytes.toString('latin1', at, lineEnd), 16);
    if (!(size > 0)) break;
    parts.push(bytes.subarray(lineEnd + 2, lineEnd + 2 + size));
    at = lineEnd + 2 + size + 2;
  }
  return Buffer.concat(parts);
}
