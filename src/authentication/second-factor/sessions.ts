/** The same rules for a session: asked at every authorization and refresh, so that single sign-on is no way around them. */
import { type SecondFactorRule, meetsSecondFactor } from '../levels.ts';
import { listCredentials } from '../enrolments/index.ts';
import type { Proof, SessionView } from '../types.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import { findGraceEnd } from './grace.ts';
import { isRemembered } from './remembered-devices.ts';
import { enrolledMethods, instanceRule, isEnrolable, isFresh, isMetBy, isMetByDevice } from './rule.ts';
import { sensitiveSeconds } from './facts.ts';

type Held = Pick<SessionView, 'userId' | 'proofs'>;

/** Whether a session has the second factor that an access policy asks for. */
export async function meetsPolicy(context: InstanceContext, session: Held, rule: SecondFactorRule): Promise<boolean> {
  const now = context.now();
  if (meetsSecondFactor(session.proofs, rule, now)) return true;
  const isEnrolledHere = session.proofs.some((proof) => proof.use === 'enrolment' && isEnrolable(proof.method, rule) && now.getTime() - proof.provenAt.getTime() <= rule.intervalSeconds * 1_000);
  return isEnrolledHere || hasDevice(context, session, (device) => isMetByDevice(device, rule, 'policy', now));
}

/** Whether a session has what the instance itself asks for. Without I/O where it has, or the mode asks for nothing. */
export async function meetsInstance(context: InstanceContext, session: Held): Promise<boolean> {
  const { mode } = context.instance.settings.secondFactor;
  const rule = instanceRule(context);
  const now = context.now();
  if (mode === 'off' || isMetBy(session.proofs, rule, now)) return true;
  if (await hasDevice(context, session, (device) => isMetByDevice(device, rule, 'instance', now))) return true;
  // What was asked for at sign-in and has become old is asked for again; the rest was judged then.
  if (mode !== 'required') return !session.proofs.some((proof) => proof.use === 'sign_in' && enrolledMethods.includes(proof.method));
  const graceEndsAt = await findGraceEnd(context, session.userId);
  if (graceEndsAt === undefined || graceEndsAt <= now || !await hasPutOff(context, session.userId)) return false;
  return !(await listCredentials(context, session.userId)).some(({ method }) => enrolledMethods.includes(method));
}

async function hasPutOff(context: InstanceContext, userId: string): Promise<boolean> {
  return await context.db.secondFactorGrace.count({ where: { userId } }) > 0;
}

async function hasDevice(context: InstanceContext, { userId, proofs }: Held, isEnough: (device: Proof) => boolean): Promise<boolean> {
  const device = proofs.find((proof) => proof.method === 'remembered_device' && isEnough(proof));
  return device !== undefined && isRemembered(context, userId, device.authenticator);
}

/** Whether the person showed the existing second factor (or, without one, any factor) within five minutes. */
export async function isFreshSession(context: InstanceContext, session: Held): Promise<boolean> {
  const credentials = await listCredentials(context, session.userId);
  return isFresh(session.proofs, { hasSecondFactor: credentials.length > 0, seconds: sensitiveSeconds, now: context.now() });
}
