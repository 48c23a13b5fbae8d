/** A core with one instance, a person, an application, and browsers that sign in through the engine, without HTTP. */
import type { Core } from '../../core/core.ts';
import { createApplication } from '../../applications/index.ts';
import { createUser } from '../../directory/index.ts';
import { createContext, type InstanceContext } from '../../tenancy/index.ts';
import { bareInstance, startTestCore } from '../../../test/support/core.ts';
import { readBrowserCookies } from '../cookies.ts';
import { registerFlowOrigin } from '../flow/origins.ts';
import { startFlow } from '../flow/start.ts';
import { submitFlow } from '../flow/submit.ts';
import { loadFlowView } from '../flow/view.ts';
import { preparePasswordFor, storePassword } from '../passwords.ts';
import type { FlowRequest, FlowView, Outcome, Purpose, SubmitResult } from '../types.ts';

export const rightPassword = 'correct horse battery staple';
export const wrongPassword = 'incorrect horse battery staple';

export interface Setting {
  readonly core: Core;
  readonly context: InstanceContext;
  readonly applicationId: string;
  readonly userId: string;
  /** What the origin was told, in order. */
  readonly outcomes: { flowId: string; outcome: Outcome }[];
  /** The jobs that were enqueued, in order. */
  readonly jobs: { name: string; data: object }[];
  /** Moves the clock of this server. */
  pass(seconds: number): void;
  /** The same instance with other settings, or from another address. */
  with(change: { settings?: Partial<InstanceContext['instance']['settings']>; address?: string }): InstanceContext;
  addUser(username: string, password?: string): Promise<string>;
  addApplication(name: string, firstParty: boolean): Promise<string>;
  another(): Promise<InstanceContext>;
  close(): Promise<void>;
}

export async function startSetting(settings: Record<string, string> = {}): Promise<Setting> {
  const started = await startTestCore({ DATABASE_POOL_SIZE: '10', ...settings });
  let skew = 0;
  const outcomes: Setting['outcomes'] = [];
  const core: Core = { ...started.core, now: () => new Date(Date.now() + skew) };
  // Notices are jobs; the queue itself is tested elsewhere.
  const jobs: Setting['jobs'] = [];
  const quiet: Core = { ...core, jobs: { ...core.jobs, enqueue: async (_db, name, data) => { jobs.push({ name, data }); }, enqueueAll: async (_db, name, data) => { jobs.push(...data.map((each) => ({ name, data: each }))); } } };
  const context = await bareInstance(quiet, 'default', { address: '192.0.2.1' });
  registerTestOrigin(quiet, outcomes);

  const addApplication = async (name: string, firstParty: boolean) => {
    const { application } = await createApplication(context, { name, kind: 'web', firstParty, oidc: { redirectUris: ['https://app.example.com/callback'] } });
    return application.id;
  };
  const addUser = async (username: string, password?: string) => {
    const user = await createUser(context, { username, displayName: `The person ${username}` });
    if (password !== undefined) {
      const { hash } = await preparePasswordFor(context, user, password, 'administrator');
      if (hash === undefined) throw new Error('the test password breaks the policy');
      await context.transaction((tx) => storePassword(tx, user.id, { hash, mustChange: false, by: 'administrator' }));
    }
    return user.id;
  };
  return {
    core: quiet, context, outcomes, jobs,
    applicationId: await addApplication('Orders', true), userId: await addUser('alice', rightPassword),
    pass(seconds) { skew += seconds * 1_000; },
    with: (change) => createContext(quiet, { ...context.instance, settings: { ...context.instance.settings, ...change.settings } }, { address: change.address ?? '192.0.2.1' }),
    addUser, addApplication,
    async another() {
      const second = await started.another();
      const secondCore: Core = { ...second, now: core.now, jobs: { ...second.jobs, enqueue: async () => undefined, enqueueAll: async () => undefined } };
      registerTestOrigin(secondCore, outcomes);
      return createContext(secondCore, context.instance, { address: '192.0.2.1' });
    },
    close: () => started.close(),
  };
}

function registerTestOrigin(core: Core, outcomes: Setting['outcomes']): void {
  registerFlowOrigin(core, {
    kind: 'oidc',
    async resume(_context, flow, outcome) {
      outcomes.push({ flowId: flow.id, outcome });
      return { redirect: `https://app.example.com/callback?flow=${flow.id}` };
    },
    restart: async (_context, flow) => `https://app.example.com/again?ref=${flow.originRef}`,
  });
}

/** A browser: a cookie jar, and the page of one flow. */
export class TestBrowser {
  private readonly setting: Setting;
  context: InstanceContext;
  private readonly cookies = new Map<string, string>();

  constructor(setting: Setting, context: InstanceContext = setting.context) {
    this.setting = setting;
    this.context = context;
  }

  get header(): string {
    return [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
  }

  get tokens() {
    const { browserToken, sessionToken } = readBrowserCookies(this.context, this.header);
    return { browserToken, sessionToken };
  }

  take(setCookies: readonly string[]): void {
    for (const cookie of setCookies) {
      const [pair = ''] = cookie.split(';');
      this.cookies.set(pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1));
    }
  }

  forgetSession(): void {
    for (const name of this.cookies.keys()) if (name.includes('session')) this.cookies.delete(name);
  }

  async start(request: FlowRequest = {}, options: { applicationId?: string; purpose?: Purpose } = {}): Promise<string> {
    const started = await startFlow(this.context, {
      channel: 'browser', purpose: options.purpose ?? 'sign_in', origin: { kind: 'oidc', ref: 'request' },
      applicationId: options.applicationId ?? this.setting.applicationId, request, ...this.tokens });
    this.take(started.setCookies);
    return started.flowId;
  }

  async see(flowId: string): Promise<FlowView> {
    const loaded = await loadFlowView(this.context, flowId, this.tokens);
    if (loaded.kind !== 'view') throw new Error(`the flow is ${loaded.kind}`);
    return loaded.view;
  }

  /** Posts from the form as it is drawn now, or from an older one. */
  async post(flowId: string, verb: string, fields: Record<string, string> = {}, form?: FlowView): Promise<SubmitResult> {
    const { version, formToken } = form ?? await this.see(flowId);
    const { browserToken, sessionToken } = this.tokens;
    const result = await submitFlow(this.context, flowId, browserToken, { do: verb, version, formToken, fields, sessionToken });
    if (result.kind !== 'elsewhere') this.take(result.setCookies);
    return result;
  }

  /** Name and password; returns the last answer. */
  async signIn(flowId: string, identifier = 'alice', password = rightPassword, fields: Record<string, string> = {}): Promise<SubmitResult> {
    if ((await this.see(flowId)).step?.name === 'identify') await this.post(flowId, 'identify', { identifier });
    return this.post(flowId, 'password.verify', { password, ...fields });
  }
}

/** Whether an answer left the flow, back to the application. */
export const hasFinished = (result: SubmitResult): boolean => result.kind === 'redirect' && result.location.startsWith('https://app.example.com/callback');

/** A view without the challenge of passkeys, which is another one each time that it is looked at. */
export const withoutChallenge = <Shown extends object>(view: Shown): Shown =>
  JSON.parse(JSON.stringify(view).replaceAll(/"challenge":"[^"]*"/g, '"challenge":"<challenge>"')) as Shown;
