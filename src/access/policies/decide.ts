/** Whether somebody may use an application now, by the access policies: at sign-in, single sign-on and every token. */
import { loadMemberships } from '../../directory/index.ts';
import { type InstanceContext, loadZones } from '../../tenancy/index.ts';
import { type Candidates, loadPolicySet } from './compile.ts';
import { type AccessDecision, allowedByDefault, evaluate, type Known } from './evaluate.ts';
import { findPerson } from './person.ts';
import type { AccessFacts, SessionFacts } from './variables.ts';

export interface AccessRequest extends Pick<AccessFacts, 'userId' | 'application'> {
  /** Of the person; default: the context's. Say so where the request comes from a program of somebody else. */
  readonly address?: string | undefined;
  readonly userAgent?: string | undefined;
  readonly session: SessionFacts | undefined;
}

/** Without I/O once policies, zones and memberships are known. Never throws for what a policy does: it decides on the safe side. */
export async function decideAccess(context: InstanceContext, request: AccessRequest): Promise<AccessDecision> {
  const candidates = (await loadPolicySet(context)).candidatesFor(request.application.id);
  const { defaultEffect } = context.instance.settings.accessPolicy;
  if (candidates.policies.length === 0 && defaultEffect === 'allow') return allowedByDefault;
  const facts = factsOf(context, request);
  return evaluate(candidates.policies, facts, await loadKnown(context, facts, candidates));
}

/** Whether any policy is about the application: where none is, nothing need be found out about the person. */
export async function isJudged(context: InstanceContext, applicationId: string): Promise<boolean> {
  return context.instance.settings.accessPolicy.defaultEffect === 'deny' || (await loadPolicySet(context)).candidatesFor(applicationId).policies.length > 0;
}

function factsOf(context: InstanceContext, request: AccessRequest): AccessFacts {
  const own = 'address' in request ? request : context;
  return {
    userId: request.userId, application: request.application, session: request.session, now: context.now(),
    address: own.address, userAgent: own.userAgent,
  };
}

/** What these policies need to know beside the facts. */
export async function loadKnown(context: InstanceContext, { userId }: Pick<AccessFacts, 'userId'>, needs: Omit<Candidates, 'policies'>): Promise<Known> {
  return {
    memberships: needs.needsMemberships ? await loadMemberships(context, userId) : undefined,
    user: needs.needsUser ? await findPerson(context, userId) : undefined,
    zones: needs.needsZones ? await loadZones(context) : undefined,
    defaultEffect: context.instance.settings.accessPolicy.defaultEffect,
  };
}
