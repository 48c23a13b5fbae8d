/** The end of a flow for a program: an authorization code, the same one for as long as it lives. */
import type { Application } from '../../applications/index.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import { wholeConsent } from '../consents.ts';
import type { FlowState } from '../flow/store.ts';
import { findLiveSessionById } from '../live-sessions.ts';
import { apiDoor } from './door.ts';

/** No address: a code that was made for it is of no use in a redirect. */
export const flowRedirectUri = 'urn:postern:flow';

export interface FlowResult { code: string; redirectUri: string; expiresIn: number; iss: string }

/** Undefined: its time is over, or the session has ended. */
export async function findResult(context: InstanceContext, { flow, handle, application }: { flow: FlowState; handle: string; application: Application }): Promise<FlowResult | undefined> {
  const { completedAt } = flow.answers;
  const session = flow.sessionId === null ? undefined : await findLiveSessionById(context, flow.sessionId);
  if (!session || !completedAt) return undefined;
  const code = codeOf(context, handle);
  const issued = await apiDoor(context.core).issueCode(context, {
    application, request: flow.request, session, consent: wholeConsent(flow.request), dpopJkt: flow.dpopJkt ?? undefined, code, completedAt });
  return issued && { code, redirectUri: flowRedirectUri, expiresIn: issued.expiresIn, iss: context.instance.issuer };
}

/** From the flow's secret, which only its holder has, and a key that only the server has: nothing is stored that could be read back. */
const codeOf = (context: InstanceContext, handle: string): string =>
  context.core.keyring.hmac('flow-code', `${context.instance.id}\n${handle}`);
