/** A name or value that somebody else took meanwhile: said only now, to who has shown a mailbox of their own. */
import type { Problem } from '../../core/errors.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import { pendingWith, writeNotice } from '../flow/action.ts';
import { advance, type FlowState, type Pending } from '../flow/store.ts';
import type { StepName } from '../types.ts';
import { registrationOf } from './pending.ts';

/** Back to the form, which says what is taken. Undefined: the flow holds nothing that could be chosen anew. */
export async function returnToForm(context: InstanceContext, flow: FlowState, problem: Problem): Promise<StepName | undefined> {
  const step = flow.purpose === 'register' ? 'register' : flow.pending.features?.['profile'] === undefined ? undefined : 'complete_profile';
  if (step === undefined) return undefined;
  const { address, draft } = registrationOf(flow.pending);
  const taken = problem.errors?.map((error) => error.field) ?? [];
  // A username that nobody typed is the address; the form shows that one.
  const field = step === 'complete_profile' ? taken[0] ?? '' : taken.find((name) => Object.hasOwn(draft, name)) ?? (address?.channel === 'sms' ? 'phone' : 'email');
  const pending: Partial<Pending> = step === 'register' ? { newUser: undefined } : { features: { profile: undefined } };
  await advance(context, flow, { sealedPending: pendingWith(context, flow, pending), notice: writeNotice({ code: 'Registration.Name.Taken', field }) });
  return step;
}
