/** What the OpenID provider tells the event log. */
import type { NewEvent } from '../../events/index.ts';

/** Everything issued under the grant has ended. `reuse`: a code or refresh token came back after its use (RFC 9700 §4.14). */
export const grantRevoked = (grantId: string, after: { reason: string; userId: string | null; applicationId: string | null }): NewEvent => ({
  type: 'grant.revoked', subject: { type: 'grant', id: grantId }, after,
});

/** What was issued under it ends with events of its own. */
export const consentWithdrawn = (userId: string, applicationId: string): NewEvent => ({
  type: 'consent.withdrawn', subject: { type: 'user', id: userId }, after: { applicationId },
});

/** A back-channel logout token could not be delivered after all tries. */
export const logoutNoticeFailed = (participantId: string, after: { applicationId: string; sessionId: string; error: string }): NewEvent => ({
  type: 'session.logout_notice_failed', subject: { type: 'session_participant', id: participantId }, after,
});

/** Somebody may register one application. The subject is the request that gave the token, which itself is a secret. */
export const initialAccessTokenCreated = (requestId: string): NewEvent => ({
  type: 'initial_access_token.created', subject: { type: 'request', id: requestId },
});
