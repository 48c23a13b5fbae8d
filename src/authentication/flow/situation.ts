/** Loads what `decide` looks at. Everything is read anew at every request, and again inside the completing transaction. */
import { type AccessDecision, decideAccess } from '../../access/index.ts';
import { findApplication, isOpenFromHere, type Application } from '../../applications/index.ts';
import { findUserById, type User } from '../../directory/index.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import { isAssigned } from '../assignments.ts';
import { askedConsent, findConsent } from '../consents.ts';
import { factorsOf, findFactor } from '../factors/index.ts';
import { levelOf, methodsOf, wantedLevel } from '../levels.ts';
import { findPassword } from '../passwords.ts';
import { loadFeatureFacts } from './features.ts';
import type { Proof, SessionView } from '../types.ts';
import type { AccountState, Facts, Policy } from './facts.ts';
import type { FlowState } from './store.ts';

export interface Situation {
  readonly flow: FlowState;
  readonly facts: Facts;
  readonly policy: Policy;
  readonly user: User | undefined;
  readonly application: Application | undefined;
  /** The live session of the cookie, if this browser is its own. */
  readonly session: SessionView | undefined;
}

export async function loadSituation(context: InstanceContext, flow: FlowState, presented: SessionView | undefined): Promise<Situation> {
  const session = presented !== undefined && presented.browserId === flow.browserId ? presented : undefined;
  // The flow goes on from the session only if it said so, and never with a session of somebody else than was proven.
  const continued = session !== undefined && session.id === flow.answers.sessionId && (flow.userId === null || flow.userId === session.userId) ? session : undefined;
  const userId = flow.userId ?? continued?.userId;
  const [user, application, password] = await Promise.all([
    userId === undefined ? undefined : findUserById(context, userId),
    flow.applicationId === null ? undefined : findApplication(context, flow.applicationId),
    userId === undefined ? undefined : findPassword(context, userId),
  ]);
  const features = await loadFeatureFacts(context, { flow, user, application, password, session: continued, proofs: [...continued?.proofs ?? [], ...flow.proofs] });
  const newUser = user === undefined && flow.pending.newUser !== undefined;
  const facts: Facts = {
    ...features,
    flowId: flow.id, channel: flow.channel, purpose: flow.purpose, now: context.now(), browserId: flow.browserId ?? undefined, identifier: flow.identifier,
    user: user && { id: user.id, username: user.username, state: stateOf(user, flow, context.now()) },
    newUser,
    proofs: flow.proofs,
    session: continued && { id: continued.id, proofs: continued.proofs },
    application: flow.applicationId === null ? undefined : {
      enabled: application?.enabled ?? false,
      // Who does not exist yet is assigned where everybody is.
      assigned: user === undefined ? !newUser || await isAssigned(context, flow.applicationId, '') : await isAssigned(context, flow.applicationId, user.id),
      openFromHere: await isOpenFromHere(context, flow.applicationId),
      signInMethods: application?.settings.signInMethods ?? undefined,
    },
    passwordChange: passwordChangeOf(flow, password?.change, features.recovery.passkeyOnly),
    newPasswordChosen: flow.pending.passwordHash !== undefined,
    consent: user && application ? await findConsent(context, user.id, application.id) : undefined,
    allowed: flow.answers.allowed ?? false,
  };
  const access = user && application ? await judge(context, facts, application, user.id) : noPolicy;
  return { flow, facts, policy: policyOf(context, flow, application, facts, access), user, application, session };
}

function passwordChangeOf(flow: FlowState, change: Facts['passwordChange'], passkeyOnly: boolean): Facts['passwordChange'] {
  if (flow.purpose === 'setup') return 'setup';
  if (flow.answers.task?.kind === 'password') return 'chosen';
  // Who recovers the account has no password that is known: they choose one.
  return flow.purpose === 'recover' && !passkeyOnly && flow.proofs.some(({ use }) => use === 'recovery') ? 'recovery' : change;
}

const noPolicy = { decision: 'allow', policy: undefined, because: '', secondFactor: undefined } as const;

/** What the access policies say, given what is proven so far. */
function judge(context: InstanceContext, facts: Facts, application: Application, userId: string): Promise<AccessDecision> {
  const proofs = [...facts.session?.proofs ?? [], ...facts.proofs];
  const times = proofs.map((proof) => proof.provenAt.getTime());
  return decideAccess(context, {
    userId, application,
    session: { acr: levelOf(proofs, facts.now), amr: methodsOf(proofs, facts.now), authTime: times.length > 0 ? new Date(Math.max(...times)) : undefined },
  });
}

function policyOf(context: InstanceContext, flow: FlowState, application: Application | undefined, facts: Facts, access: Policy['access']): Policy {
  const { request } = flow;
  const asks = (prompt: string) => request.prompt?.includes(prompt) ?? false;
  return {
    level: wantedLevel(context, request.acrValues),
    maxAge: request.maxAge,
    freshProof: asks('login'),
    reachable: reachableLevels(context, facts),
    access,
    secondFactorOffered: access.secondFactor?.methods.some((method) => findFactor(context.core, method)?.steps.includes('second_factor')) ?? false,
    // A native application cannot prove that it is the one that was allowed before (RFC 8252 §8.6): it asks each time.
    consent: application && !application.firstParty ? { always: asks('consent') || application.kind === 'native', asked: askedConsent(request) } : undefined,
  };
}

/** What all methods offered here together could show, on top of what was shown. */
function reachableLevels(context: InstanceContext, facts: Facts): Policy['reachable'] {
  const possible = factorsOf(context.core).map((factor): Proof => ({
    method: factor.method, authenticator: factor.method, categories: factor.categories, amr: [], phishingResistant: factor.phishingResistant, provenAt: facts.now, use: 'sign_in' }));
  return [levelOf([...facts.proofs, ...(facts.session?.proofs ?? []), ...possible], facts.now)];
}

/** An invited person sets up the account that waits for them; whether the invitation still holds is asked as it is used up. */
function stateOf(user: User, flow: FlowState, now: Date): AccountState {
  if (user.status === 'pending' && flow.originKind === 'invitation') return user.expiresAt !== null && user.expiresAt <= now ? 'expired' : 'usable';
  if (user.status !== 'enabled') return user.status;
  return user.expiresAt !== null && user.expiresAt <= now ? 'expired' : 'usable';
}
