/** A program that draws its own sign-in page, over real HTTP. */
import { createPkce, type Pkce, type TestClient } from './oidc.ts';

export interface FlowAnswer { readonly status: number; readonly headers: Headers; readonly body: FlowBody }
export interface FlowBody {
  flowId: string; version: number; status: string; expiresAt: string; actions: string[]; notices: { code: string }[];
  step?: { name: string; methods?: { method: string }[]; fields?: { name: string }[]; requestUri?: string; redirectUri?: string };
  account?: { username: string };
  result?: { code: string; redirectUri: string; expiresIn: number; iss: string };
  /** Of a refusal. */
  code?: string; flow?: FlowBody; reason?: string; restart?: boolean; detail?: string; requestId?: string;
  errors?: { field: string; code: string }[];
}

export const personsClient = { address: '198.51.100.7', userAgent: 'Test browser' };
export const ownOrigin = 'https://app.example.com';

export class ApiProgram {
  readonly issuer: string;
  readonly client: TestClient;
  readonly pkce: Pkce = createPkce();
  /** Added to every request; undefined values take one away. */
  headers: Record<string, string | undefined> = {};
  flow: FlowBody | undefined;

  constructor(issuer: string, client: TestClient) {
    this.issuer = issuer;
    this.client = client;
  }

  get isConfidential(): boolean { return this.client.secret !== ''; }

  async send(method: string, path: string, body?: object, headers: Record<string, string | undefined> = {}): Promise<FlowAnswer> {
    const all = {
      ...(this.isConfidential ? { 'client-authorization': `Basic ${Buffer.from(`${this.client.clientId}:${this.client.secret}`).toString('base64')}` } : { origin: ownOrigin }),
      ...(body && { 'content-type': 'application/json' }), ...(this.flow && { authorization: `Flow ${this.flow.flowId}` }), ...this.headers, ...headers,
    };
    const answer = await fetch(`${this.issuer}/api/v1/auth${path}`, {
      method, headers: Object.fromEntries(Object.entries(all).filter((pair): pair is [string, string] => pair[1] !== undefined)), ...(body && { body: JSON.stringify(body) }) });
    const text = await answer.text();
    return { status: answer.status, headers: answer.headers, body: (text === '' ? {} : JSON.parse(text)) as FlowBody };
  }

  /** Begins a flow; a valid one unless `change` spoils it. */
  async start(change: Record<string, unknown> = {}, headers: Record<string, string | undefined> = {}): Promise<FlowAnswer> {
    this.flow = undefined;
    const answer = await this.send('POST', '/flows', {
      purpose: 'sign_in', applicationId: this.client.application.id, scope: 'openid', codeChallenge: this.pkce.challenge, codeChallengeMethod: 'S256',
      ...(this.isConfidential && { client: personsClient }), ...change }, headers);
    if (answer.status === 201) this.flow = answer.body;
    return answer;
  }

  /** One input, with the version of the last view. */
  async post(path: string, fields: object = {}, headers: Record<string, string | undefined> = {}): Promise<FlowAnswer> {
    const answer = await this.send('POST', `/flow/${path}`, { version: this.flow?.version, ...(this.isConfidential && { client: personsClient }), ...fields }, headers);
    const view = answer.status < 300 ? answer.body : answer.body.flow;
    if (view?.flowId !== undefined && view.flowId === this.flow?.flowId) this.flow = view;
    return answer;
  }

  async signIn(identifier: string, password: string): Promise<FlowAnswer> {
    await this.post('identify', { identifier });
    return this.post('password/verify', { password });
  }
}
