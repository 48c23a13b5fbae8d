/** What hooks are told: who and where, never a password, code or token. */
import type { Application } from '../../applications/index.ts';
import type { User } from '../../directory/index.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import type { Situation } from '../flow/situation.ts';

export const userPart = (user: User) => ({
  id: user.id, username: user.username, displayName: user.displayName, email: user.email, emailVerified: user.emailVerified, phone: user.phone, phoneVerified: user.phoneVerified,
  locale: user.locale, status: user.status, createdAt: user.createdAt.toISOString() });

export const applicationPart = (application: Pick<Application, 'id' | 'name'>) => ({ id: application.id, name: application.name });

export const requestPart = (context: InstanceContext) => ({ address: context.address ?? null, userAgent: context.userAgent?.slice(0, 500) ?? null });

/** Of a flow under way. Who registers has no id yet: what they typed is there instead. */
export function flowPart(context: InstanceContext, { flow, facts, user, application }: Situation) {
  const typed = flow.pending.newUser?.user;
  return {
    flow: { id: flow.id, purpose: flow.purpose, channel: flow.channel, methods: facts.proofs.map(({ method }) => method) },
    application: application ? applicationPart(application) : null,
    user: user ? userPart(user) : null,
    ...(typed && { newUser: { username: typed.username, displayName: typed.displayName ?? null, email: typed.email ?? null, phone: typed.phone ?? null, givenName: typed.givenName ?? null, familyName: typed.familyName ?? null } }),
    risk: facts.risk.assessment ? { score: facts.risk.assessment.score, reasons: facts.risk.assessment.reasons } : null,
    request: requestPart(context),
  };
}
