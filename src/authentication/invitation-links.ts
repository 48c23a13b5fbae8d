/**
 * The link of an invitation (directory/invitations) opens as a set-up link does: it begins a flow `setup` that asks for a
 * password, spends nothing when it is opened, and is used up when that completes. Then the pending account is enabled.
 */
import { findInvitationByToken } from '../directory/index.ts';
import type { InstanceContext } from '../tenancy/index.ts';
import type { BrowserTokens } from './cookies.ts';
import { startFlow } from './flow/start.ts';
import type { FlowOrigin, Proof, StartedFlow } from './types.ts';

/** Begins the flow of a link. Undefined: unknown, used, withdrawn or too old. */
export async function openInvitationLink(context: InstanceContext, token: string, browser: BrowserTokens): Promise<StartedFlow | undefined> {
  const invitation = await findInvitationByToken(context, token);
  if (!invitation) return undefined;
  const proof: Proof = {
    method: 'setup_link', authenticator: invitation.ref, categories: ['possession'], amr: ['otp'],
    phishingResistant: false, provenAt: context.now(), use: 'recovery' };
  return startFlow(context, {
    channel: 'browser', purpose: 'setup', origin: { kind: 'invitation', ref: invitation.ref }, request: {}, ...browser,
  }, { userId: invitation.userId, proofs: [proof] });
}

/** It ends at the instance's own start page, signed in. */
export const invitationOrigin: FlowOrigin = {
  kind: 'invitation',
  resume: async (context) => ({ redirect: `${context.instance.issuer}/` }),
  /** The link itself is not stored: whoever has it opens it again. */
  restart: async () => undefined,
};
