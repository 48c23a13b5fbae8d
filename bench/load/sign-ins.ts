/** Signs people in through the Authentication API, over and over: a process of its own, so that its work is not the server's. */
import { randomInt } from 'node:crypto';
import { Agent, fetch } from 'undici';
import { ownPage, pkce, userNames, userPassword } from '../fixtures.ts';
import { answerParent } from '../servers/parent.ts';
import { quantile } from '../statistics.ts';

export interface SignInPlan { readonly port: number; readonly applicationId: string; readonly concurrency: number; readonly seconds: number; readonly limit?: number; readonly totp?: { readonly username: string; readonly codes: readonly string[] } }
export interface SignedIn {
  readonly done: number;
  /** Told to come back later: the hashing queue was full. */
  readonly busy: number;
  readonly seconds: number;
  readonly perSecond: number;
  /** Milliseconds of a whole sign-in. */
  readonly p50: number;
  readonly p99: number;
}

const authorization = `Basic ${Buffer.from(`${ownPage.id}:${ownPage.secret}`).toString('base64')}`;
interface View { flowId: string; version: number; status: string; step?: { name: string }; result?: { code: string } }

async function signInOnce(applicationId: string, post: (path: string, body: object, flow?: string) => Promise<{ status: number; view: View }>, username: string, code: string | undefined): Promise<'done' | 'busy'> {
  // People come from places of their own.
  const client = { address: `10.${randomInt(256)}.${randomInt(256)}.${randomInt(256)}`, userAgent: 'Mozilla/5.0 (bench)' };
  const begun = await post('/flows', { purpose: 'sign_in', applicationId, scope: 'openid', codeChallenge: pkce.challenge, codeChallengeMethod: 'S256', client });
  if (begun.status !== 201) throw new Error(`a flow did not begin: ${begun.status} ${JSON.stringify(begun.view)}`);
  let { view } = begun;
  for (const [path, fields] of [['identify', { identifier: username }], ['password/verify', { password: userPassword }], ...(code === undefined ? [] : [['totp/verify', { code }] as const])] as const) {
    const answer = await post(`/flow/${path}`, { version: view.version, client, ...fields }, begun.view.flowId);
    if (answer.status === 503) return 'busy';
    if (answer.status !== 200) throw new Error(`${path}: ${answer.status} ${JSON.stringify(answer.view)}`);
    ({ view } = answer);
  }
  if (!view.result) throw new Error(`not signed in: ${JSON.stringify(view)}`);
  return 'done';
}

async function run({ port, applicationId, concurrency, seconds, limit = Number.POSITIVE_INFINITY, totp }: SignInPlan): Promise<SignedIn> {
  const dispatcher = new Agent({ connections: concurrency });
  const post = async (path: string, body: object, flow?: string) => {
    const answer = await fetch(`http://127.0.0.1:${port}/t/default/api/v1/auth${path}`, {
      method: 'POST', dispatcher, body: JSON.stringify(body), headers: { 'content-type': 'application/json', 'client-authorization': authorization, ...(flow !== undefined && { authorization: `Flow ${flow}` }) } });
    return { status: answer.status, view: await answer.json() as View };
  };
  const started = performance.now();
  const deadline = started + seconds * 1_000;
  const times: number[] = [];
  let [begun, busy] = [0, 0];
  await Promise.all(Array.from({ length: concurrency }, async () => {
    while (performance.now() < deadline && begun < limit) {
      begun += 1;
      const at = performance.now();
      const outcome = await signInOnce(applicationId, post, totp?.username ?? userNames[begun % userNames.length] ?? '', totp?.codes[begun - 1]);
      if (outcome === 'done') times.push(performance.now() - at);
      else busy += 1;
    }
  }));
  await dispatcher.close();
  const took = (performance.now() - started) / 1_000;
  const sorted = times.toSorted((left, right) => left - right);
  return { done: times.length, busy, seconds: took, perSecond: times.length / took, p50: quantile(sorted, 0.5), p99: quantile(sorted, 0.99) };
}

answerParent({ signIns: (plan) => run(plan as SignInPlan) });
