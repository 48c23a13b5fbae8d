/** The flows that the account page begins: signing in, showing the existing factor again, and what needs both. */
import type { InstanceContext } from '../../tenancy/index.ts';
import type { BrowserTokens } from '../cookies.ts';
import { findEnrolment } from '../enrolments/index.ts';
import { startFlow } from '../flow/start.ts';
import type { Task } from '../second-factor/facts.ts';
import type { FlowOrigin, FlowReference, StartedFlow } from '../types.ts';

/** The parts of the account page: a flow comes back to the one that began it, and to nothing else. */
export const accountSections = ['profile', 'security', 'devices', 'applications', 'activity', 'data'] as const;
export type AccountSection = (typeof accountSections)[number];

export const accountUrl = (context: InstanceContext, section: AccountSection = 'profile') => `${context.instance.issuer}/account/${section}`;

const sectionOf = (reference: FlowReference): AccountSection => accountSections.find((section) => section === reference.originRef) ?? 'profile';

export const selfServiceOrigin: FlowOrigin = {
  kind: 'self_service',
  async resume(context, flow, outcome) {
    return { redirect: `${accountUrl(context, sectionOf(flow))}${outcome.kind === 'completed' && flow.purpose !== 'sign_in' ? '?done=confirmed' : ''}` };
  },
  restart: async (context, flow) => accountUrl(context, sectionOf(flow)),
};

const begin = (context: InstanceContext, { purpose, section, tokens, task }: { purpose: 'sign_in' | 'step_up' | 'enrol'; section: AccountSection; tokens: BrowserTokens; task?: Task }): Promise<StartedFlow> =>
  startFlow(context, { channel: 'browser', purpose, origin: { kind: 'self_service', ref: section }, request: {}, ...tokens }, { ...(task && { answers: { task } }) });

export const signInToAccount = (context: InstanceContext, section: AccountSection, tokens: BrowserTokens) => begin(context, { purpose: 'sign_in', section, tokens });

/** Asks for the existing second factor, or the first one where there is none; then the page may change things for five minutes. */
export const confirmIdentity = (context: InstanceContext, section: AccountSection, tokens: BrowserTokens) => begin(context, { purpose: 'step_up', section, tokens, task: { kind: 'confirm' } });

export const changeOwnPassword = (context: InstanceContext, tokens: BrowserTokens) => begin(context, { purpose: 'step_up', section: 'security', tokens, task: { kind: 'password' } });

/** Undefined: nothing of the kind can be set up here. */
export async function enrolCredential(context: InstanceContext, tokens: BrowserTokens, method: string): Promise<StartedFlow | undefined> {
  const enrolment = findEnrolment(method);
  return enrolment && begin(context, { purpose: 'enrol', section: 'security', tokens, task: { kind: 'enrol', method: enrolment.method } });
}
