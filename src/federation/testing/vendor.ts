/** What every stand-in of a vendor is, and the one server that they all answer from: wire shapes, codes used once, errors in the vendor's own form. */
import { createHash, randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { SourceKind } from '../connectors/index.ts';

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  /** A form or JSON body, read. */
  readonly body: Readonly<Record<string, string>>;
  readonly headers: IncomingMessage['headers'];
}

export interface Said { readonly status?: number; readonly type?: string; readonly body: unknown }

/** What was asked for at the authorization page, kept with the code. */
export interface Grant { readonly nonce: string | undefined; readonly challenge: string | undefined; readonly redirectUri: string }

export interface Vendor {
  readonly kind: SourceKind;
  /** Settings that lead to the stand-in at this address. */
  settings(base: string): Record<string, unknown>;
  readonly secret: string;
  /** Where its callback has the code. */
  readonly codeName: string;
  readonly pkce: boolean;
  /** The keys of the person that it gives out, strongest first. */
  readonly subjects: readonly string[];
  readonly email: { readonly address: string; readonly verified: boolean } | undefined;
  /** How it says that a code is unknown or used, and what the connector makes of it. */
  readonly usedCode: string;
  answer(asked: Asked, desk: Desk): Said | Promise<Said>;
}

/** The vendor's own memory, and what a test makes it do wrong. */
export class Desk {
  readonly base: string;
  /** Of a test: overrides of claims, and other misbehaviour. */
  claims: Record<string, unknown> = {};
  profile: Record<string, unknown> = {};
  fault: 'profile' | 'oversize' | 'slow' | 'html' | undefined;
  readonly asked: Asked[] = [];
  private readonly codes = new Map<string, Grant>();

  constructor(base: string) { this.base = base; }

  reset(): void {
    this.claims = {};
    this.profile = {};
    this.fault = undefined;
    this.asked.length = 0;
  }

  /** The person says yes at the authorization address. */
  issue(url: URL): string {
    const code = randomBytes(12).toString('hex');
    this.codes.set(code, {
      nonce: url.searchParams.get('nonce') ?? undefined, challenge: url.searchParams.get('code_challenge') ?? undefined, redirectUri: url.searchParams.get('redirect_uri') ?? '' });
    return code;
  }

  /** Takes a code once, if verifier and redirect address are those it was given for. */
  take(code: string | undefined, { verifier, redirectUri }: { verifier?: string | undefined; redirectUri?: string | undefined } = {}): Grant | undefined {
    const grant = this.codes.get(code ?? '');
    this.codes.delete(code ?? '');
    if (!grant || (redirectUri !== undefined && redirectUri !== grant.redirectUri)) return undefined;
    const fits = grant.challenge === undefined || (verifier !== undefined && createHash('sha256').update(verifier).digest('base64url') === grant.challenge);
    return fits ? grant : undefined;
  }
}

export interface VendorServer { readonly desk: Desk; close(): Promise<void> }

export async function startVendor(vendor: Vendor): Promise<VendorServer> {
  const opened = { desk: undefined as Desk | undefined };
  const server = createServer((request, response) => {
    void readRequest(request).then(async (asked) => {
      const { desk } = opened;
      if (!desk) return;
      desk.asked.push(asked);
      if (desk.fault === 'slow') return;
      if (desk.fault === 'html') return void response.writeHead(502, { 'content-type': 'text/html' }).end('<html>Bad gateway</html>');
      if (desk.fault === 'oversize') return void response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ filler: 'x'.repeat(2_000_000) }));
      const { status = 200, type = 'application/json', body } = await vendor.answer(asked, desk);
      response.writeHead(status, { 'content-type': type }).end(typeof body === 'string' ? body : JSON.stringify(body));
    });
  });
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  const desk = new Desk(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  opened.desk = desk;
  return { desk, close: () => new Promise((resolve) => { server.close(() => { resolve(); }); server.closeAllConnections(); }) };
}

async function readRequest(request: IncomingMessage): Promise<Asked> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString('utf8');
  const url = new URL(request.url ?? '/', 'http://localhost');
  const isJson = (request.headers['content-type'] ?? '').includes('json');
  const body = text === '' ? {} : isJson ? JSON.parse(text) as Record<string, string> : Object.fromEntries(new URLSearchParams(text));
  return { method: request.method ?? 'GET', path: url.pathname, query: Object.fromEntries(url.searchParams), body, headers: request.headers };
}

export const notFound: Said = { status: 404, body: { message: 'Not Found' } };
