import type { NewEvent } from '../../events/index.ts';
import type { Judgement } from './policy.ts';

interface Assessed { id: string; flowId: string; userId: string | undefined; applicationId: string | null; enforced: boolean }

/** Only for scores above 0; every assessment is in the list. */
export const riskAssessed = ({ id, flowId, userId, applicationId, enforced }: Assessed, { score, reasons, action, actions }: Judgement): NewEvent => ({
  type: 'risk.assessed', subject: userId === undefined ? { type: 'flow', id: flowId } : { type: 'user', id: userId },
  after: { assessmentId: id, flowId, applicationId, score, action, actions, enforced, reasons: reasons.map(({ signal, weight, text }) => ({ signal, weight, text })) } });

/** After the session was made, for notices to the person. */
export const newDeviceSignedIn = (userId: string, facts: { flowId: string; assessmentId: string; score: number }): NewEvent => ({
  type: 'sign_in.new_device', subject: { type: 'user', id: userId }, after: facts });

export const captchaSolved = (flowId: string, by: 'work' | 'waiting'): NewEvent => ({ type: 'captcha.solved', subject: { type: 'flow', id: flowId }, after: { by } });

interface List { id: string; name: string; url: string | null; enabled: boolean; rangeCount: number }
const ofList = (type: string, id: string, { before, after }: { before?: List; after?: List }): NewEvent => ({
  type, subject: { type: 'address_list', id }, ...(before && { before: show(before) }), ...(after && { after: show(after) }) });
const show = ({ name, url, enabled, rangeCount }: List) => ({ name, url, enabled, rangeCount });

export const listCreated = (after: List) => ofList('address_list.created', after.id, { after });
export const listUpdated = (before: List, after: List) => ofList('address_list.updated', after.id, { before, after });
export const listDeleted = (before: List) => ofList('address_list.deleted', before.id, { before });
/** The rest of the list stays as it was. */
export const listFetchFailed = (id: string, reason: string): NewEvent => ({ type: 'address_list.fetch_failed', subject: { type: 'address_list', id }, after: { reason } });

export const riskReplayed = (id: string, facts: { days: number; assessments: number }): NewEvent => ({ type: 'risk.replayed', subject: { type: 'risk_replay', id }, after: facts });
