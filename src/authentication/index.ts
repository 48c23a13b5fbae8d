/**
 * Authentication: one flow engine for every way to sign in, the sessions it makes, and passwords.
 *
 * Protocols register a FlowOrigin at start, begin flows with `startFlow`, and are called back when one ends. Pages draw
 * `loadFlowView` and post to `submitFlow`. Nothing else makes a session.
 */
import type { Core } from '../core/core.ts';
import type { InstanceContext } from '../tenancy/index.ts';
import type { FlowOrigin, Level, LoadedFlow, Satisfaction, SessionRequirement, SessionView, StartedFlow, StartFlow, Submission, SubmitResult } from './types.ts';

export * from './types.ts';

// ── flows ────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Adds a caller of flows; once per kind and server, before it listens. */
export declare function registerFlowOrigin(core: Core, origin: FlowOrigin): void;

/** Begins a flow. @throws Problem 429 (start limit of the address), 400 (a purpose that this version does not have) */
export declare function startFlow(context: InstanceContext, start: StartFlow): Promise<StartedFlow>;

/** What to draw. Changes nothing. */
export declare function loadFlowView(context: InstanceContext, flowId: string, browser: { browserToken: string | undefined; sessionToken: string | undefined }): Promise<LoadedFlow>;

/** Takes one input. Refused input is no error: the answer leads to the page, which says it. @throws Problem 503 when the hashing queue is full */
export declare function submitFlow(context: InstanceContext, flowId: string, browserToken: string | undefined, submission: Submission): Promise<SubmitResult>;

/** Whether a session is enough for what an application asks: the same rules as at sign-in. */
export declare function satisfies(context: InstanceContext, session: SessionView, requirement: SessionRequirement): Promise<Satisfaction>;

/** The name of a level for an application: the first of its acr_values that the level meets, else our own. */
export declare function acrName(context: InstanceContext, level: Level, acrValues: readonly string[]): string;

// ── sessions ─────────────────────────────────────────────────────────────────────────────────────────────────────

/** The session of a cookie. Undefined: ended, expired, unknown, or its user may not sign in any more. */
export declare function findLiveSession(context: InstanceContext, sessionToken: string | undefined): Promise<SessionView | undefined>;

/** The same by id, for tokens that name their session. */
export declare function findLiveSessionById(context: InstanceContext, sessionId: string): Promise<SessionView | undefined>;

export type EndReason = 'signed_out' | 'other_account' | 'administrator' | 'password_changed' | 'user_disabled' | 'user_deleted';

export declare const sessions: {
  /** Ends a session, its grants without offline_access, and enqueues the notices. False: it had ended already. */
  end(context: InstanceContext, sessionId: string, reason: EndReason): Promise<boolean>;
  endAllOfUser(context: InstanceContext, userId: string, reason: EndReason, exceptSessionId?: string): Promise<number>;
  /** Idempotent per session, application and protocol; a new grant replaces the old one's id. */
  addParticipant(context: InstanceContext, participant: { sessionId: string; applicationId: string; protocol: 'oidc' | 'saml'; sid?: string; grantId?: string }): Promise<void>;
  /** A further token of a live session; the raw value for the cookie. */
  issueToken(context: InstanceContext, sessionId: string): Promise<string>;
  /** The same for a token that the provider made up. */
  addToken(context: InstanceContext, sessionId: string, sessionToken: string): Promise<void>;
  /** The token works 30 s more. */
  retireToken(context: InstanceContext, sessionToken: string): Promise<void>;
  setProtocolState(context: InstanceContext, sessionId: string, state: object | null): Promise<void>;
};

// ── cookies ──────────────────────────────────────────────────────────────────────────────────────────────────────

export declare function sessionCookieName(context: InstanceContext): string;
export declare function browserCookieName(context: InstanceContext): string;
/** The cookies of a request. A name that comes twice counts as absent; then `clear` holds Set-Cookie values. */
export declare function readBrowserCookies(context: InstanceContext, cookieHeader: string | undefined): { browserToken: string | undefined; sessionToken: string | undefined; clear: string[] };
/** Set-Cookie value that removes the session cookie. */
export declare function clearSessionCookie(context: InstanceContext): string;

// ── set-up, cross-site posts ─────────────────────────────────────────────────────────────────────────────────────

/** Makes the one-time link (24 h) with which an administrator chooses a password. */
export declare function createSetupLink(context: InstanceContext, userId: string): Promise<{ url: string; expiresAt: Date }>;
/** Opens a set-up link: starts a flow `setup`. Undefined: unknown, used or too old. Consumes nothing. */
export declare function openSetupLink(context: InstanceContext, token: string, browser: { browserToken: string | undefined; sessionToken: string | undefined }): Promise<StartedFlow | undefined>;
/** Whether an administrator of this instance has signed in yet. */
export declare function isSetUp(context: InstanceContext): Promise<boolean>;

/** Keeps a cross-site POST for 60 s, so that a GET with the Lax cookies can take it once. Returns the handle. */
export declare function storeCrossSitePost(context: InstanceContext, target: string, body: string): Promise<string>;
export declare function takeCrossSitePost(context: InstanceContext, target: string, handle: string): Promise<string | undefined>;
