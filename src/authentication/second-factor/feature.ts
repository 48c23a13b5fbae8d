/** Second factors as a part of the flow engine: what this person has, what may be put off, which browser is remembered. */
import { z } from 'zod';
import { append } from '../../events/index.ts';
import type { User } from '../../directory/index.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import { enrolments, listCredentials } from '../enrolments/index.ts';
import { factorsOf } from '../factors/index.ts';
import { accepted, type Action, isAt, nothing, page, pendingFor } from '../flow/action.ts';
import type { FlowFeature, Loading } from '../flow/feature.ts';
import type { Situation } from '../flow/situation.ts';
import { advance, type FlowState } from '../flow/store.ts';
import { isAtLeast, levelOf } from '../levels.ts';
import type { Method, Proof, StepView } from '../types.ts';
import { deviceReliedOn } from './demands.ts';
import { enrolmentPutOff } from './events.ts';
import type { SecondFactorFacts } from './facts.ts';
import { findGraceEnd, startGrace } from './grace.ts';
import { findDeviceProof, noteDeviceUse, rememberDevice } from './remembered-devices.ts';
import { canSkip, enrolmentOf } from './requirements.ts';
import { enrolledMethods, instanceRule } from './rule.ts';

const pendingSchema = z.object({ skipped: z.boolean().optional(), codesDeclined: z.boolean().optional() });
const pendingOf = (flow: FlowState) => pendingSchema.parse(flow.pending.features?.['secondFactor'] ?? {});

async function load(context: InstanceContext, { flow, user, password, proofs }: Loading): Promise<SecondFactorFacts> {
  const { mode, enrolAtSignIn } = context.instance.settings.secondFactor;
  const pending = pendingOf(flow);
  // Before a proof nothing of the user is looked at; a flow knows its user only by one.
  const methods = user ? await methodsOfUser(context, user, proofs, password !== undefined) : [];
  const now = context.now();
  return {
    mode, rule: instanceRule(context), enrolAtSignIn,
    enrolled: methods.filter((method) => enrolledMethods.includes(method)), hasRecoveryCodes: methods.includes('recovery_code'),
    ...waysOf(context, methods, proofs, now),
    device: user ? await findDeviceProof(context, flow.browserId, user.id) : undefined,
    enrolling: (flow.pending.credentials ?? []).map(({ method }) => method as Method),
    enrolable: enrolments.map(({ method }) => method),
    graceEndsAt: mode === 'required' ? await findGraceEnd(context, user?.id) : undefined,
    skipped: pending.skipped ?? false, codesDeclined: pending.codesDeclined ?? false,
    task: flow.answers.task,
  };
}

/** Everything this person could show here. A mailbox that this flow recovers the account by is no second authenticator. */
async function methodsOfUser(context: InstanceContext, user: User, proofs: readonly Proof[], hasPassword: boolean): Promise<Method[]> {
  const credentials = await listCredentials(context, user.id);
  const offered = factorsOf(context.core).filter(({ steps }) => steps.includes('second_factor')).map(({ method }) => method);
  const recovering = proofs.some(({ use }) => use === 'recovery');
  const methods: Method[] = [
    ...credentials.map(({ method }) => method),
    ...(user.email !== null && user.emailVerified && !recovering ? ['otp_email' as const] : []),
    ...(user.phone !== null && user.phoneVerified && !recovering ? ['otp_sms' as const] : []),
    ...(hasPassword ? ['password' as const] : []),
  ];
  return [...new Set(methods)].filter((method) => offered.includes(method));
}

/** Which of them would make two factors of what was shown, and how far all of them lead. */
function waysOf(context: InstanceContext, methods: readonly Method[], proofs: readonly Proof[], now: Date): Pick<SecondFactorFacts, 'ways' | 'reachable'> {
  const factors = factorsOf(context.core);
  const possible = methods.flatMap((method): Proof[] => {
    const factor = factors.find((each) => each.method === method);
    return factor ? [{ method, authenticator: `possible/${method}`, categories: factor.categories, amr: [], phishingResistant: factor.phishingResistant, provenAt: now, use: 'sign_in' }] : [];
  });
  const shown = proofs.filter(({ use, method }) => use === 'sign_in' && method !== 'remembered_device').map((proof) => ({ ...proof, provenAt: now }));
  const isYoung = (method: Method) => proofs.some((proof) => proof.method === method && proof.use === 'sign_in' && now.getTime() - proof.provenAt.getTime() < 5_000);
  const ways = possible.filter((way) => way.method !== 'recovery_code' && !isYoung(way.method)
    && isAtLeast(levelOf([...shown.filter((proof) => proof.method !== way.method), way], now), 'urn:postern:acr:multi'));
  return { ways: ways.map(({ method }) => method), reachable: levelOf([...proofs, ...possible], now) };
}

/** `skip`: later, where that is allowed; or without recovery codes. */
const skip: Action = async (context, { situation: { flow, facts, policy }, decision }) => {
  if (!isAt(decision, 'enrol_factor') || !canSkip(facts, policy)) return page;
  const isAboutCodes = enrolmentOf(facts, policy)?.reason === 'recovery_codes';
  const answer = { ...pendingOf(flow), ...(isAboutCodes ? { codesDeclined: true } : { skipped: true }) };
  return accepted(await advance(context, flow, { sealedPending: pendingFor(context, flow, 'secondFactor', answer), notice: nothing }));
};

async function viewEnrolment(context: InstanceContext, { facts, policy }: Situation): Promise<StepView> {
  const enrolment = enrolmentOf(facts, policy);
  const wanted = enrolments.filter(({ method }) => enrolment?.methods.includes(method));
  const methods = (await Promise.all(wanted.map((each) => each.describe(context, facts)))).flatMap((view) => view ?? []);
  const { graceEndsAt } = facts.secondFactor;
  return {
    name: 'enrol_factor', methods, reason: enrolment?.reason ?? 'required',
    ...(enrolment?.reason === 'required' && graceEndsAt && canSkip(facts, policy) && { skipUntil: graceEndsAt.toISOString() }) };
}

/** In the completing transaction: what was remembered, used, or put off. */
async function store(tx: InstanceContext, { flow, facts, policy }: Situation, userId: string): Promise<void> {
  const { skipped, graceEndsAt } = facts.secondFactor;
  if (skipped && graceEndsAt && await startGrace(tx, userId)) await append(tx, enrolmentPutOff(userId, graceEndsAt));
  for (const device of deviceReliedOn(facts, policy)) await noteDeviceUse(tx, device.authenticator);
  const { browserId, answers } = flow;
  const shown = facts.proofs.filter(({ use, method }) => use === 'sign_in' && facts.secondFactor.rule.methods.includes(method)).map(({ method }) => method);
  if (answers.rememberDevice && browserId !== null && shown.length > 0 && canRemember(tx, { facts })) await rememberDevice(tx, { userId, browserId, methods: shown });
}

/** Whether the page offers to remember this browser. */
export const canRemember = (context: InstanceContext, { facts }: Pick<Situation, 'facts'>): boolean =>
  context.instance.settings.secondFactor.rememberDays > 0 && facts.channel === 'browser' && facts.purpose === 'sign_in' && facts.secondFactor.task === undefined;

export const secondFactorFeature: FlowFeature<'secondFactor'> = {
  name: 'secondFactor', load, store,
  actions: { skip },
  views: { enrol_factor: viewEnrolment },
};
