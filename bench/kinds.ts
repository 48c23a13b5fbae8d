/** The kinds of request that are measured at both servers, and what Postern is to reach of the yardstick's rate. */
import { apis, apiScope, connections, machine, paths } from './fixtures.ts';
import type { Measured, Plan } from './load/plan.ts';
import { authorizeRequests, codeExchange, formPost, refreshTemplate, type Target } from './targets.ts';

export type Measure = (plan: Plan) => Promise<Measured>;

export interface Kind {
  readonly name: string;
  /** Postern's rate divided by the yardstick's. */
  readonly target: number;
  /** Makes what a round needs, outside of what is measured, and returns the round. */
  prepare(target: Target, measure: Measure, round: { seconds: number }): Promise<Plan>;
  /** Takes over what the round left for the next one. */
  finish?(target: Target, measured: Measured): void;
}

const base = (target: Target, seconds: number, status = 200) => ({ port: target.port, connections, seconds, status });
export const tokenRequest = (target: Target, format: keyof typeof apis, issuerPath?: string) =>
  formPost(target, paths.token, machine, { grant_type: 'client_credentials', resource: apis[format], scope: apiScope }, issuerPath);

const authorize = (target: Target, seconds: number): Plan =>
  ({ ...base(target, seconds, 303), kind: 'repeat', requests: authorizeRequests(target), capture: { after: 'code=', before: '&' } });

async function makeCodes(target: Target, measure: Measure, seconds: number): Promise<readonly string[]> {
  return (await measure(authorize(target, seconds))).captured;
}

export const kinds: readonly Kind[] = [
  {
    name: 'client_credentials, JWT ES256', target: 0.95,
    prepare: async (target, _measure, { seconds }) => ({ ...base(target, seconds), kind: 'repeat', requests: [tokenRequest(target, 'jwt')] }),
  },
  {
    name: 'client_credentials, opaque', target: 1.2,
    prepare: async (target, _measure, { seconds }) => ({ ...base(target, seconds), kind: 'repeat', requests: [tokenRequest(target, 'opaque')] }),
  },
  {
    name: 'introspection', target: 1.0,
    async prepare(target, measure, { seconds }) {
      const made = await measure({ ...base(target, 0.1), kind: 'repeat', requests: [tokenRequest(target, 'opaque')], capture: { after: '"access_token":"', before: '"' } });
      const requests = made.captured.slice(0, connections).map((token) => formPost(target, paths.introspect, machine, { token }));
      return { ...base(target, seconds), kind: 'repeat', requests };
    },
  },
  { name: 'authorize with a session', target: 1.0, prepare: async (target, _measure, { seconds }) => authorize(target, seconds) },
  {
    name: 'code exchange', target: 0.75,
    async prepare(target, measure, { seconds }) {
      // Where authorizing is the slower of the two, the round ends with the last code.
      const codes = await makeCodes(target, measure, seconds);
      return { ...base(target, seconds), kind: 'once', requests: codes.map((code) => codeExchange(target, code)) };
    },
  },
  createRefreshKind(),
];

/** Each connection has a session, a grant and a chain of tokens of its own, and goes on where its last round ended. */
function createRefreshKind(): Kind {
  const chains = new Map<Target, readonly string[]>();
  return {
    name: 'refresh with rotation', target: 0.75,
    async prepare(target, measure, { seconds }) {
      const tokens = chains.get(target) ?? await makeRefreshTokens(target, measure);
      return { ...base(target, seconds), kind: 'refresh', ...refreshTemplate(target), tokens };
    },
    finish: (target, measured) => { chains.set(target, measured.captured); },
  };
}

async function makeRefreshTokens(target: Target, measure: Measure): Promise<readonly string[]> {
  const codes = await measure({ ...authorize(target, 5), kind: 'once', requests: authorizeRequests(target) });
  const exchanged = await measure({
    ...base(target, 5), kind: 'once', requests: codes.captured.map((code) => codeExchange(target, code)), capture: { after: '"refresh_token":"', before: '"' },
  });
  return exchanged.captured;
}
