/** What a flow shows. Before a proof it depends on configuration and on what was typed, never on what is stored. */
import { findResourceServer } from '../../applications/index.ts';
import { findUserById } from '../../directory/index.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import { type Browser, findBrowser } from '../browsers.ts';
import type { BrowserTokens } from '../cookies.ts';
import type { FactorStep } from '../factors/factor.ts';
import { factorsOf } from '../factors/index.ts';
import { findLiveSession } from '../live-sessions.ts';
import { canRemember } from '../second-factor/feature.ts';
import { canSkip, methodsThatHelp } from '../second-factor/requirements.ts';
import { maximumPasswordBytes } from '../../core/password-text.ts';
import type { AccountChoice, FlowAction, FlowView, LoadedFlow, MethodView, StepName, StepView } from '../types.ts';
import { recoveryChannels } from '../recovery/recoveries.ts';
import { canSwitch } from './another-purpose.ts';
import { type Decision, decideToShow } from './decide.ts';
import { featuresOf } from './features.ts';
import { formToken } from './form-token.ts';
import { loadFlowOrigin } from './origins.ts';
import { loadSituation, type Situation } from './situation.ts';
import { findFlow, type FlowState, referenceOf } from './store.ts';

/** What to draw. Changes nothing. */
export async function loadFlowView(context: InstanceContext, flowId: string, tokens: BrowserTokens): Promise<LoadedFlow> {
  const [flow, browser] = await Promise.all([findFlow(context, flowId), findBrowser(context, tokens.browserToken)]);
  if (!flow || !browser || flow.channel !== 'browser' || flow.browserId !== browser.id) return elsewhere(context, flow);
  const session = await findLiveSession(context, tokens.sessionToken);
  const situation = await loadSituation(context, flow, session);
  return { kind: 'view', view: await viewOf(context, situation, browser) };
}

/** One answer for unknown flows, other browsers and other channels: a button that begins the same request here. */
export async function elsewhere(context: InstanceContext, flow: FlowState | undefined): Promise<Extract<LoadedFlow, { kind: 'elsewhere' }>> {
  const restart = flow?.channel === 'browser' ? await loadFlowOrigin(context.core, flow.originKind).restart(context, referenceOf(flow)) : undefined;
  return { kind: 'elsewhere', restart };
}

/** `browser` is undefined where a program holds the flow: it has no forms and no accounts to choose from. */
export async function viewOf(context: InstanceContext, situation: Situation, browser: Browser | undefined): Promise<FlowView> {
  const { flow, user, application } = situation;
  const decision = flow.status === 'active' ? decideToShow(situation.facts, situation.policy) : undefined;
  const status = decision?.kind === 'denied' ? 'denied' : flow.status;
  const step = decision?.kind === 'step' ? await viewStep(context, situation, decision.step, browser) : undefined;
  return {
    flowId: flow.id, version: flow.version, status, purpose: flow.purpose, expiresAt: flow.expiresAt.toISOString(),
    formToken: browser ? formToken(context, flow.id, browser.id, flow.version) : '',
    application: application && { id: application.id, name: application.name, homepageUri: application.homepageUri, firstParty: application.firstParty },
    step,
    identifier: flow.identifier,
    account: user && { displayName: user.displayName, username: user.username },
    continueAs: step?.name === 'first_factor' && !user && !flow.answers.otherAccount ? await signedInAccount(context, situation) : undefined,
    userCode: flow.request.userCode, locale: flow.request.locale,
    actions: actionsOf(context, flow, decision, situation),
    notices: flow.status === 'active' && flow.notice ? [flow.notice] : [],
    denial: decision?.kind === 'denied' ? decision.reason : flow.denial?.reason,
  };
}

function actionsOf(context: InstanceContext, flow: FlowState, decision: Decision | undefined, { facts, policy }: Situation): FlowAction[] {
  switch (flow.status) {
    case 'expired': return ['restart'];
    case 'completed': return ['continue'];
    case 'denied': case 'cancelled': return ['leave'];
    case 'active': {
      if (decision?.kind === 'denied') return ['leave', ...(flow.purpose === 'setup' ? [] : ['switch_account'] as const)];
      const isSomebody = facts.user !== undefined || facts.identifier !== undefined;
      const channels = recoveryChannels(context);
      // Nobody is known yet: the form has a field for another name, and a way back.
      const canLeave = flow.purpose !== 'sign_in' && canSwitch(flow, decision);
      return [
        ...(decision?.kind === 'complete' || decision?.kind === 'effect' ? ['continue'] as const : []),
        ...(decision?.kind === 'step' && decision.step === 'enrol_factor' && canSkip(facts, policy) ? ['skip'] as const : []),
        ...(isSomebody && flow.purpose !== 'setup' && !canLeave ? ['switch_account'] as const : []),
        ...(canSwitch(flow, decision) && flow.purpose === 'sign_in' ? [...(channels.length > 0 ? ['recover'] as const : []), ...(context.instance.settings.registration.enabled ? ['register'] as const : [])] : []),
        ...(canLeave ? ['sign_in'] as const : []),
        ...(decision?.kind === 'step' && (decision.step === 'verify_email' || decision.step === 'verify_phone') ? ['send_code', ...(flow.purpose === 'register' && facts.user === undefined ? ['edit_registration'] as const : [])] as const : []),
        ...(decision?.kind === 'step' && decision.step === 'recover' && flow.pending.features?.['recovery'] !== undefined ? ['edit_recovery'] as const : []),
        ...(decision?.kind === 'step' && decision.step === 'second_factor' && flow.purpose === 'recover' ? ['ask_approver'] as const : []),
        ...(flow.purpose === 'setup' ? [] : ['cancel'] as const),
      ];
    }
  }
}

async function viewStep(context: InstanceContext, situation: Situation, name: StepName, browser: Browser | undefined): Promise<StepView> {
  const { settings } = context.instance;
  switch (name) {
    case 'identify': return {
      name, accounts: browser ? await accountsOf(context, situation, browser) : [], methods: await methodsOf(context, situation, name),
      fields: [{ name: 'identifier', type: 'text', required: true, autocomplete: 'username', maxLength: 255 }] };
    case 'second_factor': return {
      name, methods: await helpfulMethods(context, situation),
      ...(canRemember(context, situation) && { remember: { days: settings.secondFactor.rememberDays } }) };
    case 'first_factor': return {
      name, methods: await methodsOf(context, situation, name),
      ...(settings.session.allowRemember && { remember: { days: Math.floor(settings.session.rememberSeconds / 86_400) } }) };
    case 'change_password': return {
      name, reason: situation.facts.passwordChange ?? 'required',
      fields: [{ name: 'newPassword', type: 'password', required: true, autocomplete: 'new-password', maxLength: maximumPasswordBytes }],
      policy: { minimumLength: settings.password.minimumLength, minimumStrength: settings.password.minimumStrength, historyCount: settings.password.historyCount } };
    case 'consent': return viewConsent(context, situation);
    default: return viewOfFeature(context, situation, name);
  }
}

function viewOfFeature(context: InstanceContext, situation: Situation, name: StepName): Promise<StepView> {
  const view = featuresOf(context.core).find(({ views }) => views?.[name])?.views?.[name];
  if (!view) throw new Error(`no feature shows the step ${name}`);
  return view(context, situation);
}

/** The methods of this instance, not those of the user: these would tell who exists. */
async function methodsOf(context: InstanceContext, { facts }: Situation, step: FactorStep): Promise<MethodView[]> {
  const offered = factorsOf(context.core).filter(({ steps }) => steps.includes(step));
  return (await Promise.all(offered.map((factor) => factor.describe(context, facts, step)))).flat();
}

/** Those that bring the flow on: another method would be asked for again. */
async function helpfulMethods(context: InstanceContext, situation: Situation): Promise<MethodView[]> {
  const helpful = methodsThatHelp(situation.facts, situation.policy);
  const methods = await methodsOf(context, situation, 'second_factor');
  return helpful === undefined ? methods : methods.filter(({ method }) => helpful.includes(method));
}

/** Accounts that this browser was told to keep, and the one it is signed in to. */
async function accountsOf(context: InstanceContext, { session, flow }: Situation, browser: Browser): Promise<AccountChoice[]> {
  const signedIn = flow.answers.otherAccount ? undefined : session?.userId;
  const ids = [...new Set([...(signedIn === undefined ? [] : [signedIn]), ...browser.accounts])];
  const users = await Promise.all(ids.map((id) => findUserById(context, id)));
  return users.flatMap((user) => (user ? [{ account: user.id, displayName: user.displayName, username: user.username, signedIn: user.id === signedIn }] : []));
}

async function signedInAccount(context: InstanceContext, { session }: Situation): Promise<AccountChoice | undefined> {
  const user = session && await findUserById(context, session.userId);
  return user && { account: user.id, displayName: user.displayName, username: user.username, signedIn: true };
}

async function viewConsent(context: InstanceContext, { policy, facts }: Situation): Promise<StepView> {
  const asked = policy.consent?.asked ?? { scopes: [], claims: [], resources: {} };
  const isNew = (name: string, allowed: readonly string[] = []) => !allowed.includes(name);
  const resources = await Promise.all(Object.entries(asked.resources).map(async ([identifier, scopes]) => {
    const server = await findResourceServer(context, identifier);
    const allowed = facts.consent?.resources[identifier];
    return {
      identifier, name: server?.name ?? identifier,
      scopes: scopes.map((name) => {
        const description = server?.scopes.find((scope) => scope.name === name)?.description;
        return { name, isNew: isNew(name, allowed), ...(description && { description }) };
      }) };
  }));
  return { name: 'consent', scopes: asked.scopes.map((name) => ({ name, isNew: isNew(name, facts.consent?.scopes) })), claims: asked.claims, resources };
}

