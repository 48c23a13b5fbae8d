/** The trigger `token.issue`: what hooks add to an access token, or that there is none. Without such hooks no I/O happens. */
import { findUserById } from '../../directory/index.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import { callHook } from './call.ts';
import { onFailure } from './feature.ts';
import { hooksAt } from './hooks.ts';
import { requestPart, userPart } from './payload.ts';

export interface TokenToIssue {
  readonly userId: string;
  readonly application: { readonly id: string; readonly name: string };
  readonly scopes: readonly string[];
  readonly audience: readonly string[];
  readonly grantType: string;
}

/** Undefined: one of the hooks refused the token. */
export async function claimsFromHooks(context: InstanceContext, token: TokenToIssue): Promise<Readonly<Record<string, unknown>> | undefined> {
  const asked = await hooksAt(context, 'token.issue');
  if (asked.length === 0) return {};
  const user = await findUserById(context, token.userId);
  const { application, scopes, audience, grantType } = token;
  const payload = { application: { id: application.id, name: application.name }, user: user ? userPart(user) : null, token: { scopes, audience, grantType }, request: requestPart(context) };
  let claims: Record<string, unknown> = {};
  for (const hook of asked) {
    const result = await callHook(context, hook, { trigger: 'token.issue', userId: token.userId, payload });
    const answer = result.status === 'answered' ? result.answer : onFailure(hook);
    if (answer.action === 'deny') return undefined;
    if (answer.action === 'modify_claims') claims = { ...claims, ...answer.claims };
  }
  return claims;
}
