/** Federation: identity sources outside, by which people sign in here. */
export { federation } from './routes.ts';
export { answerRefused } from './errors.ts';
export { findSource, returnTrip, whereTo, type Returned } from './trips.ts';
export { listLinkedIdentities, unlinkIdentity } from './linked-identities.ts';
