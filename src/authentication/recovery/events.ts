/** Never the address, the name that was typed, a code or a link. */
import type { NewEvent } from '../../events/index.ts';

/** `identifierHash`: equal names can be counted, none can be read; whether there is such an account is not said. */
export const recoveryAsked = (identifierHash: string, facts: { flowId: string; channel: string }): NewEvent => ({ type: 'recovery.asked', subject: { type: 'identifier', id: identifierHash }, after: facts });
export const accountRecovered = (userId: string, facts: { flowId: string; channel: string; secondFactorWaived: boolean }): NewEvent => ({ type: 'account.recovered', subject: { type: 'user', id: userId }, after: facts });
const event = (type: string, { id, userId, kind }: { id: string; userId: string; kind: string }): NewEvent => ({ type, subject: { type: 'recovery_request', id }, after: { userId, kind } });
export const requestMade = (request: { id: string; userId: string; kind: string }) => event('recovery_request.made', request);
export const requestApproved = (request: { id: string; userId: string; kind: string }) => event('recovery_request.approved', request);
export const requestRefused = (request: { id: string; userId: string; kind: string }) => event('recovery_request.refused', request);
