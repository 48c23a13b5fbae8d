/** Whether a session is enough for an application: the rules of sign-in, asked at every authorization. */
import { decideAccess, reportAccess } from '../access/index.ts';
import { findApplication, isOpenFromHere } from '../applications/index.ts';
import { type InstanceContext, isSignInOpenFromHere } from '../tenancy/index.ts';
import { isAssigned } from './assignments.ts';
import { isAtLeast, wantedLevel } from './levels.ts';
import { meetsInstance, meetsPolicy } from './second-factor/sessions.ts';
import type { Satisfaction, SessionRequirement, SessionView } from './types.ts';
import { findMissingTerms } from './terms/acceptances.ts';

/** The user's own state is part of finding the session (live-sessions.ts). */
export async function satisfies(context: InstanceContext, session: SessionView, requirement: SessionRequirement): Promise<Satisfaction> {
  const no = (reason: Extract<Satisfaction, { satisfied: false }>['reason']): Satisfaction => ({ satisfied: false, reason });
  const application = await findApplication(context, requirement.applicationId);
  if (!application?.enabled) return no('application');
  if (!await isOpenFromHere(context, application.id) || !await isSignInOpenFromHere(context)) return no('network_zone');
  if (!await isAssigned(context, application.id, session.userId)) return no('account');
  if (!session.proofs.some((proof) => proof.use === 'sign_in')) return no('account');
  if (requirement.prompt?.some((prompt) => prompt === 'login' || prompt === 'select_account')) return no('prompt');
  if (requirement.maxAge !== undefined && context.now().getTime() - session.authTime.getTime() > requirement.maxAge * 1_000) return no('max_age');
  if ((await findMissingTerms(context, session.userId)).length > 0) return no('terms');
  const level = wantedLevel(context, requirement.acrValues);
  if (level === 'unreachable' || (level !== undefined && !isAtLeast(session.acr, level))) return no('acr');
  const decision = await decideAccess(context, { userId: session.userId, application, session });
  reportAccess(context, decision, { userId: session.userId, application });
  if (decision.decision === 'deny') return no('policy');
  if (decision.secondFactor !== undefined && decision.decision === 'second_factor' && !await meetsPolicy(context, session, decision.secondFactor)) return no('second_factor');
  if (!await meetsInstance(context, session)) return no('second_factor');
  return { satisfied: true };
}
