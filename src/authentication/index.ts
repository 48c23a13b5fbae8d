/**
 * Authentication: one flow engine for every way to sign in, the sessions it makes, and passwords.
 *
 * Protocols register a FlowOrigin at start, begin flows with `startFlow`, and are called back when one ends. Pages draw
 * `loadFlowView` and post to `submitFlow`. Nothing else makes a session.
 */
import * as sessionVerbs from './sessions.ts';
import { startFlow as start } from './flow/start.ts';
import type { InstanceContext } from '../tenancy/index.ts';
import type { StartedFlow, StartFlow } from './types.ts';

export * from './types.ts';
export { authentication } from './routes.ts';
export { authenticationApi } from './api/routes.ts';
export { registerApiDoor, type ApiDoor, type FinishedFlow } from './api/door.ts';
export { flowRedirectUri } from './api/result.ts';

/** Begins a flow. @throws Problem 429 (start limit of the address), 400 (a purpose or channel that there is none of) */
export const startFlow = (context: InstanceContext, flow: StartFlow): Promise<StartedFlow> => start(context, flow);
export { registerFlowOrigin } from './flow/origins.ts';
export { registerFlowFeature, type FlowFeature } from './flow/feature.ts';
export { accepted, page, pendingWith, refuse } from './flow/action.ts';
export { advance } from './flow/store.ts';
export { writeProofs } from './proofs.ts';
export type { OutsideIdentityFacts } from './flow/outside-identity.ts';
export type { Facts } from './flow/facts.ts';
export { registerFactor } from './factors/index.ts';
export { isRefusal, type Choice, type Factor, type FactorStep, type Refusal, type Verified } from './factors/factor.ts';
export { listCredentials } from './enrolments/index.ts';
export { loadFlowView } from './flow/view.ts';
export { findBrowser as browserOf } from './browsers.ts';
export { openMagicLink, showLinkCode, type OpenedLink } from './magic-links.ts';
export { submitFlow } from './flow/submit.ts';
export { satisfies } from './satisfies.ts';
export { mayHaveTokens, type TokenRequest } from './token-access.ts';
export { acrName } from './levels.ts';
export { claimsFromHooks, type TokenToIssue } from './hooks/token-claims.ts';
export { consentWithoutAsking } from './consents.ts';
export { isAssigned, registerAssignmentCheck, type AssignmentCheck } from './assignments.ts';

export { findLiveSession, findLiveSessionById } from './live-sessions.ts';
export { logoutJob, type EndReason, type LogoutNotice } from './sessions.ts';
const { addParticipant, addToken, end, endAllOfUser, issueToken, retireToken, setProtocolState } = sessionVerbs;
export const sessions = { addParticipant, addToken, end, endAllOfUser, issueToken, retireToken, setProtocolState };

export { browserCookieName, clearSessionCookie, readBrowserCookies, sessionCookieName, type BrowserTokens } from './cookies.ts';

export { setPassword, type SetPassword } from './passwords.ts';
export { openRecoveryLink } from './recovery/links.ts';
export { openInvitationLink } from './invitation-links.ts';
export { createSetupLink, isSetUp, openSetupLink } from './setup-links.ts';
export { storeCrossSitePost, takeCrossSitePost } from './cross-site-posts.ts';

export { type Account, isAccountForm, openAccount } from './self-service/account.ts';
export { type AccountSection, accountSections, accountUrl } from './self-service/flows.ts';
export { registerLinkedAccounts, type LinkedAccount, type LinkedAccounts } from './self-service/linked-accounts.ts';
export type { ProfileView } from './self-service/profile.ts';
export type { Changed, SecurityView } from './self-service/security.ts';
export type { OwnDevice, OwnSession } from './self-service/devices.ts';
export type { GivenConsent, OpenApplication } from './self-service/applications.ts';
export type { Activity } from './self-service/activity.ts';
export * as selfService from './self-service/verbs.ts';
