/**
 * The link of a recovery opens as a set-up link does: it begins a flow that has shown the mailbox, spends nothing when it
 * is opened, and is used up when the flow completes. Then the request that the recovery began with goes on.
 */
import type { InstanceContext } from '../../tenancy/index.ts';
import type { BrowserTokens } from '../cookies.ts';
import { loadFlowOrigin } from '../flow/origins.ts';
import { startFlow } from '../flow/start.ts';
import { findFlow, referenceOf } from '../flow/store.ts';
import type { FlowOrigin, StartedFlow } from '../types.ts';
import { recoveryProof } from './feature.ts';
import { findRecoveryByToken } from './recoveries.ts';

/** Begins the flow of a link. Undefined: unknown, used, overtaken, not for the account as it is now, or too old. */
export async function openRecoveryLink(context: InstanceContext, token: string, browser: BrowserTokens): Promise<StartedFlow | undefined> {
  const recovery = await findRecoveryByToken(context, token);
  if (!recovery?.userId) return undefined;
  const first = await findFlow(context, recovery.flowId);
  const proof = await recoveryProof(context, recovery.userId, 'email');
  return startFlow(context, {
    channel: 'browser', purpose: 'recover', origin: { kind: 'recovery', ref: recovery.flowId },
    ...(first?.applicationId && { applicationId: first.applicationId }), request: first ? { ...first.request, prompt: [] } : {}, otherAccount: true, ...browser,
  }, { userId: recovery.userId, proofs: [proof], pending: { features: { recovery: { channel: 'email', recoveryId: recovery.id } } } });
}

export const recoveryOrigin: FlowOrigin = {
  kind: 'recovery',
  /** Back to what the person wanted when they found that they had lost the password. */
  async resume(context, flow) {
    return { redirect: await beginning(context, flow.originRef) ?? `${context.instance.issuer}/` };
  },
  restart: (context, flow) => beginning(context, flow.originRef),
};

async function beginning(context: InstanceContext, flowId: string): Promise<string | undefined> {
  const first = await findFlow(context, flowId);
  return first?.channel === 'browser' && first.originKind !== 'recovery' ? loadFlowOrigin(context.core, first.originKind).restart(context, referenceOf(first)) : undefined;
}
