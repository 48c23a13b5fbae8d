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
export { registerFactor } from './factors/index.ts';
export { isRefusal, type Choice, type Factor, type FactorStep, type Refusal, type Verified } from './factors/factor.ts';
export { listCredentials } from './enrolments/index.ts';
export { loadFlowView } from './flow/view.ts';
export { submitFlow } from './flow/submit.ts';
export { satisfies } from './satisfies.ts';
export { mayHaveTokens, type TokenRequest } from './token-access.ts';
export { acrName } from './levels.ts';
export { consentWithoutAsking } from './consents.ts';
export { isAssigned, registerAssignmentCheck, type AssignmentCheck } from './assignments.ts';

export { findLiveSession, findLiveSessionById } from './live-sessions.ts';
export { logoutJob, type EndReason, type LogoutNotice } from './sessions.ts';
const { addParticipant, addToken, end, endAllOfUser, issueToken, retireToken, setProtocolState } = sessionVerbs;
export const sessions = { addParticipant, addToken, end, endAllOfUser, issueToken, retireToken, setProtocolState };

export { browserCookieName, clearSessionCookie, readBrowserCookies, sessionCookieName, type BrowserTokens } from './cookies.ts';

export { setPassword, type SetPassword } from './passwords.ts';
export { openInvitationLink } from './invitation-links.ts';
export { createSetupLink, isSetUp, openSetupLink } from './setup-links.ts';
export { storeCrossSitePost, takeCrossSitePost } from './cross-site-posts.ts';
