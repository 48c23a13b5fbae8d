/** What happens to an instance, in the words of its log. */
import type { NewEvent } from '../events/index.ts';

const ofInstance = (type: string) => (instanceId: string, change: { before?: object; after?: object } = {}): NewEvent =>
  ({ type, subject: { type: 'instance', id: instanceId }, ...change });

export const instanceCreated = ofInstance('instance.created');
export const instanceRenamed = ofInstance('instance.renamed');
export const instanceSuspended = ofInstance('instance.suspended');
export const instanceResumed = ofInstance('instance.resumed');
export const instanceExported = ofInstance('instance.exported');
export const instanceDeleted = ofInstance('instance.deleted');
/** In the log of the first instance: the deleted one's own log is gone. */
export const instanceErased = ofInstance('instance.erased');
export const settingsChanged = ofInstance('settings.changed');
export const brandingChanged = ofInstance('branding.changed');

const ofKey = (type: string) => (kid: string, algorithm: string, change: { before?: object; after?: object } = {}): NewEvent =>
  ({ type, subject: { type: 'signing_key', id: kid }, ...change, after: { algorithm, ...change.after } });

export const keyCreated = ofKey('signing_key.created');
export const keyActivated = ofKey('signing_key.activated');
export const keyRetiring = ofKey('signing_key.retiring');
export const keyRetired = ofKey('signing_key.retired');

const ofDomain = (type: string) => (domain: { id: string; hostname: string; status: string }, change: { before?: object; after?: object } = {}): NewEvent =>
  ({ type, subject: { type: 'domain', id: domain.id }, ...change, after: { hostname: domain.hostname, status: domain.status, ...change.after } });

export const domainClaimed = ofDomain('domain.claimed');
export const domainVerified = ofDomain('domain.verified');
export const domainMadePrimary = ofDomain('domain.made_primary');
export const domainLapsed = ofDomain('domain.lapsed');
export const domainRemoved = ofDomain('domain.removed');
