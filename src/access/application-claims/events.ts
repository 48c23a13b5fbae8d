import type { NewEvent } from '../../events/index.ts';
import type { ClaimSettings } from './settings.ts';

export const claimsChanged = (applicationId: string, before: ClaimSettings, after: ClaimSettings): NewEvent => ({
  type: 'application_claims.changed', subject: { type: 'application', id: applicationId }, before: viewSettings(before), after: viewSettings(after),
});

/** As the REST API and the event log show it. */
export function viewSettings({ roleMapping, claims }: ClaimSettings) {
  return { roleMapping, claims: claims.map(({ name, source, expression, tokens }) => ({ name, source, ...(expression !== undefined && { expression }), tokens: [...tokens] })) };
}
