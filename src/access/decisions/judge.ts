/**
 * One question: may this person open that application, or have this role in it? The answer is that of sign-in: account,
 * application, its networks, whom it is assigned to, the access policies, and then the role. All of it from memory.
 */
import { type Application, findApplication, findApplicationByClientId, isOpenFromHere } from '../../applications/index.ts';
import { isUserUsable } from '../../directory/index.ts';
import { createContext, type InstanceContext } from '../../tenancy/index.ts';
import { mayOpenApplication } from '../application-access/may-open.ts';
import { effectiveRoles } from '../application-roles/effective-roles.ts';
import { scopeMissing } from '../errors.ts';
import { decideAccess } from '../policies/decide.ts';
import type { AccessDecision } from '../policies/evaluate.ts';
import type { Decision, Evaluation } from './schemas.ts';

export const openAction = 'open';
export const rolePrefix = 'role:';
const allowed: Decision = { decision: true };
const refuse = (code: string, reason?: string): Decision => ({ decision: false, context: reason === undefined ? { code } : { code, reason } });

/** Answers whom it concerns: never an error for what is not there, which is a "no". @throws Problem 403 beyond the caller's scope */
export async function judge(context: InstanceContext, evaluation: Evaluation): Promise<Decision> {
  const { subject, action, resource } = evaluation;
  const application = resource.type === 'application' ? await findNamedApplication(context, resource.id) : undefined;
  rejectForeignApplication(context, application);
  if (resource.type !== 'application') return refuse('resource_unknown', 'decisions are about resources of the type application');
  if (subject.type !== 'user') return refuse('subject_unknown', 'decisions are about subjects of the type user');
  const role = action.name.startsWith(rolePrefix) ? action.name.slice(rolePrefix.length) : undefined;
  if (role === undefined && action.name !== openAction) return refuse('action_unknown', 'actions are open, and role: with the key of an application role');
  if (!application?.enabled) return refuse(application ? 'application_disabled' : 'resource_unknown');
  const opening = await judgeOpening(context, application, subject.id, evaluation.context);
  if (!opening.decision || role === undefined) return opening;
  const roles = await effectiveRoles(context, application.id, subject.id);
  return roles.some(({ key }) => key === role) ? allowed : refuse('role_missing');
}

/** Whether the person may open the application. */
export async function judgeOpening(context: InstanceContext, application: Application, userId: string, facts: Evaluation['context']): Promise<Decision> {
  if (!await isUserUsable(context, userId)) return refuse('user_unusable', 'there is no such user, or not one who may sign in now');
  if (!await mayOpenApplication(context, application.id, userId)) return refuse('not_assigned');
  const person = personContext(context, facts);
  if (!await isOpenFromHere(person, application.id)) return refuse('network_zone', 'the application is not open from that network');
  const { session } = facts ?? {};
  const authTime = session?.authTime === undefined ? undefined : new Date(session.authTime * 1_000);
  const decision = await decideAccess(person, {
    userId, application, session: session && { acr: session.acr, amr: session.amr, authTime },
  });
  if (decision.decision === 'allow') return allowed;
  if (decision.decision === 'deny') return { decision: false, context: { code: 'policy_denied', reason: decision.because, ...policyOf(decision) } };
  const age = authTime === undefined ? Infinity : (context.now().getTime() - authTime.getTime()) / 1_000;
  const isShown = (session?.amr?.includes('mfa') ?? false) && age <= (decision.secondFactor?.intervalSeconds ?? 0);
  if (isShown) return allowed;
  return { decision: false, context: { code: 'second_factor_required', reason: decision.because, ...policyOf(decision), ...(decision.secondFactor && { secondFactor: { ...decision.secondFactor, methods: [...decision.secondFactor.methods] } }) } };
}

const policyOf = ({ policy }: AccessDecision) => (policy ? { policy } : {});

/** Where the person is, which is not where the caller is. */
function personContext(context: InstanceContext, facts: Evaluation['context']): InstanceContext {
  const { core, instance, principal, requestId } = context;
  return createContext(core, instance, { principal, requestId, address: facts?.address, userAgent: facts?.userAgent });
}

/** By id or client_id. */
export async function findNamedApplication(context: InstanceContext, name: string): Promise<Application | undefined> {
  return await findApplication(context, name) ?? findApplicationByClientId(context, name);
}

/** Whether the caller may ask about all applications: a person with the permission, or the scope. */
export const mayAskAboutAll = ({ principal }: InstanceContext): boolean => principal.kind !== 'application' || principal.scopes.includes('decision:read');

/** With `decision:own` an application asks about itself; another one's existence is not told. @throws Problem 403 */
export function rejectForeignApplication(context: InstanceContext, application: Pick<Application, 'id'> | undefined): void {
  const { principal } = context;
  if (!mayAskAboutAll(context) && principal.kind === 'application' && application?.id !== principal.id) throw scopeMissing('decision:read');
}
