import type { NewEvent } from '../../events/index.ts';

interface Named { readonly id: string; readonly userId: string }

const event = (type: string, { id, userId }: Named, after: object = {}): NewEvent => ({ type, subject: { type: 'registration', id }, after: { userId, ...after } });

export const registrationWaits = (request: Named) => event('registration.waits', request);
export const registrationApproved = (request: Named) => event('registration.approved', request);
export const registrationRefused = (request: Named, reason: string | null) => event('registration.refused', request, { reason });
