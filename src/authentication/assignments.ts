/** Who may use which application: whom it is assigned to, and what further features have to say. */
import { mayOpenApplication } from '../access/index.ts';
import { type Core, perCore } from '../core/core.ts';
import type { InstanceContext } from '../tenancy/index.ts';

export type AssignmentCheck = (context: InstanceContext, applicationId: string, userId: string) => Promise<boolean>;

const checksOf = perCore((): AssignmentCheck[] => [mayOpenApplication]);

/** Adds a check that every sign-in to an application must pass. */
export function registerAssignmentCheck(core: Core, check: AssignmentCheck): void {
  checksOf(core).push(check);
}

/** Whether all checks let the user in. One that throws keeps out. */
export async function isAssigned(context: InstanceContext, applicationId: string, userId: string): Promise<boolean> {
  for (const check of checksOf(context.core)) {
    try {
      if (!(await check(context, applicationId, userId))) return false;
    } catch (error) {
      context.core.log.error({ err: error, instanceId: context.instance.id, applicationId }, 'An assignment check failed: access is denied');
      return false;
    }
  }
  return true;
}
