/** A flow as a program draws it: the same view that pages draw, without forms. */
import type { Application } from '../../applications/index.ts';
import { omit } from '../../core/omit.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import { loadSituation } from '../flow/situation.ts';
import { findFlow, type FlowState } from '../flow/store.ts';
import { viewOf } from '../flow/view.ts';
import type { Field, FlowView, MethodView, StepView } from '../types.ts';
import { apiDoor } from './door.ts';
import { findResult } from './result.ts';
import type { ApiFlowView } from './schemas.ts';

/** A flow, who holds it, and for whom. */
export interface Held {
  readonly flow: FlowState;
  readonly handle: string;
  readonly application: Application;
}

/** The flow as it is now. Changes nothing but what a step `redirect` needs to be followed. */
export async function viewForProgram(context: InstanceContext, held: Held): Promise<ApiFlowView> {
  const flow = await findFlow(context, held.flow.id) ?? held.flow;
  const situation = await loadSituation(context, flow, undefined);
  const view = await viewOf(context, situation, undefined);
  const result = flow.status === 'completed' ? await findResult(context, { ...held, flow }) : undefined;
  const reason = tellableReason(view.denial, flow);
  return {
    flowId: held.handle, version: view.version, status: view.status, purpose: view.purpose, expiresAt: view.expiresAt,
    ...(view.step && { step: await viewStep(context, view.step, { ...held, flow }) }),
    ...(view.account && { account: view.account }),
    actions: actionsOf(view), notices: [...view.notices],
    ...(result && { result }),
    ...(view.status === 'denied' && reason !== undefined && { reason }),
  };
}

/** Before a first proof a reason could tell of an account; that attempts are used up is about the flow alone. */
export const tellableReason = (denial: string | undefined, flow: FlowState): string | undefined =>
  (flow.proofs.length > 0 || denial === 'attempts_used_up' ? denial : undefined);

/** Leaving and choosing among accounts belong to pages; "not you?" is the same request once more. */
function actionsOf({ status, actions }: FlowView): string[] {
  if (status === 'completed') return [];
  const own = actions.flatMap((action) => (action === 'leave' ? [] : action === 'switch_account' ? ['restart'] : [action]));
  return [...new Set(own)];
}

const drawnByAll = new Set(['identify', 'first_factor', 'second_factor']);

async function viewStep(context: InstanceContext, step: StepView, held: Held): Promise<NonNullable<ApiFlowView['step']>> {
  const { supports } = held.flow.request.api ?? {};
  const isDrawn = (name: string) => supports === undefined || supports.includes(name);
  if (!drawnByAll.has(step.name) && !isDrawn(step.name)) return redirectStep(context, held);
  // The account chooser and "keep me signed in" belong to a browser.
  const { methods: offered, ...rest } = omit(step as StepView & { accounts?: unknown; remember?: unknown; methods?: readonly MethodView[] }, 'accounts', 'remember');
  const drawn = { ...rest, ...formOf(step, held.flow.request.locale) };
  if (!offered) return drawn as NonNullable<ApiFlowView['step']>;
  const methods = offered.filter(({ method }) => isDrawn(method));
  if (!('fields' in drawn) && offered.length > 0 && methods.length === 0) return redirectStep(context, held);
  return { ...drawn, methods: methods.map(viewMethod) } as NonNullable<ApiFlowView['step']>;
}

/** Steps that pages draw in their own way, as the form that they are: then a program needs to know none of them. */
function formOf(step: StepView, locale: string | undefined): { fields?: Field[]; submit?: string } {
  switch (step.name) {
    case 'accept_terms': return { fields: step.documents.map(({ field, texts }) => {
      const { title } = (locale?.startsWith('zh') ? texts['zh-CN'] : texts.en) ?? texts.en ?? texts['zh-CN'] ?? { title: field };
      return { name: field, type: 'checkbox', required: true, label: title };
    }) };
    case 'consent': return { fields: [{ name: 'decision', type: 'select', required: true, options: [{ value: 'allow', label: 'Allow' }, { value: 'deny', label: 'Deny' }] }] };
    case 'link_account': return step.choices.length === 0 ? {} : { fields: [{ name: 'choice', type: 'select', required: true, options: step.choices.map((value) => ({ value, label: value })) }] };
    case 'recover': return step.sent ? { submit: 'verify_recovery' } : {};
    default: return {};
  }
}

const viewMethod = ({ method, fields, prepare, credentialId, hint, sent, data }: MethodView): NonNullable<NonNullable<ApiFlowView['step']>['methods']>[number] => ({
  method, fields: [...fields], ...(prepare !== undefined && { prepare: true }), ...(credentialId !== undefined && { credentialId }),
  ...(hint !== undefined && { hint }), ...(sent && { sent }), ...(data !== undefined && { data }) });

/** The person goes on at the hosted pages, with the same request. */
async function redirectStep(context: InstanceContext, { application, flow }: Held): Promise<NonNullable<ApiFlowView['step']>> {
  const pushed = await apiDoor(context.core).pushRequest(context, application, { request: flow.request, dpopJkt: flow.dpopJkt ?? undefined });
  return { name: 'redirect', ...pushed };
}
