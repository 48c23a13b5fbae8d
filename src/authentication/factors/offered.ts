/** With what people may sign in: the instance's list, narrowed by the application's. Never by what a user has. */
import type { InstanceContext } from '../../tenancy/index.ts';
import type { Facts } from '../flow/facts.ts';
import type { Method } from '../types.ts';

export function isFirstFactorHere(context: InstanceContext, facts: Pick<Facts, 'application'>, method: Method): boolean {
  const ofApplication = facts.application?.signInMethods;
  const names = (list: readonly string[]) => list.includes(method);
  return names(context.instance.settings.methods.first) && (ofApplication === undefined || names(ofApplication));
}
