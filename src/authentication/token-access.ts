/**
 * Whether tokens may still be issued for what was allowed before: the rules of sign-in once more at every code exchange
 * and refresh, so that a rule that changes ends access at the next of them.
 */
import { decideAccess, isJudged, reportAccess } from '../access/index.ts';
import { type Application, isOpenFromHere } from '../applications/index.ts';
import { createContext, type InstanceContext } from '../tenancy/index.ts';
import { isAssigned } from './assignments.ts';
import { levelOf } from './levels.ts';
import { meetsPolicy } from './second-factor/sessions.ts';
import { findLiveSessionById } from './live-sessions.ts';

export interface TokenRequest {
  readonly userId: string;
  readonly application: Application;
  /** The sign-in that the tokens come from. */
  readonly sessionId: string | undefined;
  /**
   * The request comes from the person's own device. The server of an application is somewhere else: then the address of
   * the sign-in counts, and none is known once that session has ended.
   */
  readonly fromPerson: boolean;
  /** What was noted with the code or token, for a sign-in whose session has ended. */
  readonly noted: { readonly acr?: string | undefined; readonly amr?: readonly string[] | undefined; readonly authTime?: Date | undefined };
}

/** Without I/O where no rule is about the application. */
export async function mayHaveTokens(context: InstanceContext, { userId, application, sessionId, fromPerson, noted }: TokenRequest): Promise<boolean> {
  if (!await isAssigned(context, application.id, userId)) return false;
  const isOpen = await isOpenFromHere(context, application.id);
  if (isOpen && !await isJudged(context, application.id)) return true;
  const session = sessionId === undefined ? undefined : await findLiveSessionById(context, sessionId);
  const person = fromPerson ? context : createContext(context.core, context.instance, {
    principal: context.principal, requestId: context.requestId, address: session?.address ?? undefined, userAgent: session?.userAgent ?? undefined });
  if (!await isOpenFromHere(person, application.id)) return false;
  const decision = await decideAccess(person, { userId, application, session: session ?? { acr: noted.acr ?? levelOf([], context.now()), amr: noted.amr ?? [], authTime: noted.authTime } });
  reportAccess(person, decision, { userId, application });
  if (decision.decision === 'deny') return false;
  if (decision.decision === 'allow' || decision.secondFactor === undefined) return true;
  if (session) return meetsPolicy(context, session, decision.secondFactor);
  const age = noted.authTime === undefined ? Infinity : context.now().getTime() - noted.authTime.getTime();
  return (noted.amr?.includes('mfa') ?? false) && age <= decision.secondFactor.intervalSeconds * 1_000;
}
