/** What happens to access policies, in the words of the log. */
import type { NewEvent } from '../../events/index.ts';
import { viewPolicy, type AccessPolicy } from './policy.ts';

const ofPolicy = (type: string, id: string, { before, after }: { before?: AccessPolicy; after?: AccessPolicy }): NewEvent => ({
  type, subject: { type: 'access_policy', id }, ...(before && { before: viewPolicy(before) }), ...(after && { after: viewPolicy(after) }) });

export const policyCreated = (after: AccessPolicy) => ofPolicy('access_policy.created', after.id, { after });
export const policyUpdated = (before: AccessPolicy, after: AccessPolicy) => ofPolicy('access_policy.updated', after.id, { before, after });
export const policyDeleted = (before: AccessPolicy) => ofPolicy('access_policy.deleted', before.id, { before });

/** Of a policy that only reports: `times` counts what this server saw since it last wrote. */
export const policyReported = (policyId: string, facts: { would: string; decided: string; userId: string; applicationId: string; times: number }): NewEvent => ({
  type: 'access_policy.reported', subject: { type: 'access_policy', id: policyId }, after: facts });
