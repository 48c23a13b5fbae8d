/** What people change on their account page, where no other feature says it. */
import type { NewEvent } from '../../events/index.ts';

export const consentWithdrawn = (userId: string, applicationId: string, before: object): NewEvent => ({
  type: 'consent.withdrawn', subject: { type: 'user', id: userId }, before, after: { applicationId } });

export const ownDataDownloaded = (userId: string): NewEvent => ({
  type: 'user.data_downloaded', subject: { type: 'user', id: userId } });
