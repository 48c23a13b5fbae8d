/** The words that the flow engine, protocols and pages share; README.md of this folder tells the ideas. */
import type { InstanceContext } from '../tenancy/index.ts';

export type Channel = 'browser' | 'api';
export type Purpose = 'sign_in' | 'register' | 'recover' | 'step_up' | 'link' | 'enrol' | 'setup';
export type FlowStatus = 'active' | 'completed' | 'denied' | 'cancelled' | 'expired';
export type OriginKind = 'oidc' | 'device' | 'saml' | 'api' | 'self_service' | 'setup' | 'invitation' | 'recovery';
export type Method = 'password' | 'otp_email' | 'otp_sms' | 'magic_link' | 'totp' | 'webauthn' | 'recovery_code'
  | 'identity_source' | 'remembered_device' | 'setup_link';

/** Authentication levels, weakest first. Applications may send other names for them (`settings.acrNames`). */
export const levels = ['urn:postern:acr:single', 'urn:postern:acr:multi', 'urn:postern:acr:phishing-resistant'] as const;
export type Level = (typeof levels)[number];

/** Something a person has shown, for one user, in one flow. */
export interface Proof {
  readonly method: Method;
  /** What was proven: a credential id, or the mailbox or phone itself. */
  readonly authenticator: string;
  readonly categories: readonly ('knowledge' | 'possession' | 'inherence' | 'federated')[];
  /** RFC 8176 */
  readonly amr: readonly string[];
  readonly phishingResistant: boolean;
  readonly provenAt: Date;
  /** Only `sign_in` satisfies a factor requirement. */
  readonly use: 'sign_in' | 'recovery' | 'enrolment';
  /** Of a remembered device: the second factors that were shown there at that time. It raises no level. */
  readonly standsFor?: readonly Method[] | undefined;
}

/** What the caller of a flow asked for: kept whole, so that the same request can begin again. */
export interface FlowRequest {
  /** OpenID Connect scopes, as asked for. */
  readonly scopes?: readonly string[];
  /** Claims asked for by name (OpenID Connect Core §5.5). */
  readonly claims?: readonly string[];
  /** Resource indicators (RFC 8707) with the scopes asked for at each. */
  readonly resources?: Readonly<Record<string, readonly string[]>>;
  readonly acrValues?: readonly string[];
  /** Seconds. */
  readonly maxAge?: number;
  readonly prompt?: readonly string[];
  readonly loginHint?: string;
  readonly locale?: string;
  /** A page or a device that the person must recognise (RFC 8628 §3.3): shown, never used. */
  readonly userCode?: string;
  /** Of a flow that a program draws. */
  readonly api?: ApiRequest;
}

/** What the Authentication API needs beside the request (docs/authentication-api.md). */
export interface ApiRequest {
  /** RFC 7636, method S256. */
  readonly codeChallenge: string;
  /** OpenID Connect Core §3.1.2.1, for the ID token. */
  readonly nonce?: string;
  /** A registered address, for a sign-in that has to go on in the browser. */
  readonly redirectUri?: string;
  /** Methods and steps that the program can draw; undefined: all. */
  readonly supports?: readonly string[];
}

/** A flow as its origin sees it. */
export interface FlowReference {
  readonly id: string;
  readonly purpose: Purpose;
  readonly status: FlowStatus;
  readonly originKind: OriginKind;
  /** Chosen by the origin at start: the provider's interaction uid, a device code. */
  readonly originRef: string;
  readonly applicationId: string | null;
  readonly request: FlowRequest;
}

export interface Participant {
  readonly id: string;
  readonly applicationId: string;
  readonly protocol: string;
  readonly sid: string | null;
  readonly grantId: string | null;
}

/** A live session, with what it is worth now. */
export interface SessionView {
  readonly id: string;
  readonly userId: string;
  readonly browserId: string | null;
  /** What was proven and is still fresh. `acrName` translates it for an application. */
  readonly acr: Level;
  /** RFC 8176, the union over the proofs. */
  readonly amr: readonly string[];
  /** The last active proof. */
  readonly authTime: Date;
  readonly proofs: readonly Proof[];
  /** Where it was made: of the person, when a program of somebody else asks for them. */
  readonly address: string | null;
  readonly userAgent: string | null;
  readonly remember: boolean;
  /** What the provider keeps beside an account (its logout state); see `sessions.setProtocolState`. */
  readonly protocolState: unknown;
  readonly participants: readonly Participant[];
  readonly createdAt: Date;
  readonly idleExpiresAt: Date;
  readonly absoluteExpiresAt: Date;
}

/** What the person allowed in this flow or before; for first-party applications all that was asked. */
export interface GrantedConsent {
  readonly scopes: readonly string[];
  readonly claims: readonly string[];
  readonly resources: Readonly<Record<string, readonly string[]>>;
}

/** How a flow ended, for its origin. */
export type Outcome =
  | {
    readonly kind: 'completed';
    readonly session: SessionView;
    /** The session's token, as set in the cookie with this answer. */
    readonly sessionToken: string | undefined;
    /** The session did not exist when the flow began, or belongs to somebody else than before. */
    readonly sessionChanged: boolean;
    readonly consent: GrantedConsent;
  }
  | {
    readonly kind: 'denied';
    /** `access_denied`, or RFC 9470's `unmet_authentication_requirements`. */
    readonly error: 'access_denied' | 'unmet_authentication_requirements';
    /** For the log; never sent to the application. */
    readonly reason: string;
  }
  /** The person gave up, or refused consent. */
  | { readonly kind: 'cancelled' };

export interface FormPost { readonly action: string; readonly fields: Readonly<Record<string, string>> }
export type Resumption = { readonly redirect: string } | { readonly formPost: FormPost };

/** A caller of flows. Protocols register theirs at start; the engine imports none. */
export interface FlowOrigin {
  readonly kind: OriginKind;
  /**
   * Takes the outcome and says where the browser goes. May be called again for one flow (a lost answer, a double
   * click): the same outcome must lead to the same place. Undefined: the request is gone; the page says so.
   */
  resume(context: InstanceContext, flow: FlowReference, outcome: Outcome): Promise<Resumption | undefined>;
  /** An address that begins the same request again, for a page that expired or was opened in another browser. */
  restart(context: InstanceContext, flow: FlowReference): Promise<string | undefined>;
}

export interface StartFlow {
  readonly channel: Channel;
  readonly purpose: Purpose;
  readonly origin: { readonly kind: OriginKind; readonly ref: string };
  readonly applicationId?: string;
  readonly request: FlowRequest;
  /** The browser cookie's value, when the request carried exactly one. */
  readonly browserToken?: string | undefined;
  /** The session cookie's value, likewise: a flow that begins signed in goes on from there. */
  readonly sessionToken?: string | undefined;
  /** Whoever is signed in here is not whom the request is about: the flow does not go on as that person. */
  readonly otherAccount?: boolean;
}

export interface StartedFlow {
  readonly flowId: string;
  /** `{issuer}/sign-in/{flowId}` */
  readonly url: string;
  /** Whole Set-Cookie values. */
  readonly setCookies: readonly string[];
}

/** In the order of flow/requirements.ts. */
export type StepName = StepView['name'];

export interface Field {
  readonly name: string;
  readonly type: 'text' | 'password' | 'checkbox' | 'hidden' | 'email' | 'tel' | 'number' | 'date' | 'select';
  readonly required: boolean;
  readonly autocomplete?: string;
  readonly inputMode?: string;
  readonly maxLength?: number;
  readonly value?: string;
  /** Said by the instance (a custom field); pages have words of their own for everything else. */
  readonly label?: string;
  /** Of a `select`. */
  readonly options?: readonly { readonly value: string; readonly label: string }[];
}

/** One way to answer a step: post its fields with `do` = `{method}.verify`, or to make a credential `{method}.enrol`. */
export interface MethodView {
  readonly method: Method;
  readonly do: string;
  /** Empty while something must be prepared first. */
  readonly fields: readonly Field[];
  /** Posted as `do` to send a code or make a challenge, with `credentialId` where there is one; undefined: nothing to prepare. */
  readonly prepare?: string;
  readonly credentialId?: string;
  /** What it goes to, masked: `+86 138****5678`. */
  readonly hint?: string;
  /** A code is on its way, and may be asked for again from then on. */
  readonly sent?: { readonly resendAt: string };
  /** What the browser needs besides (WebAuthn options, the key of a TOTP credential). */
  readonly data?: unknown;
}

/** A credential of a user, as people and administrators see it. */
export interface CredentialView {
  readonly id: string;
  readonly method: Method;
  readonly name: string;
  readonly createdAt: Date;
  readonly lastUsedAt: Date | null;
  /** More for people who look after it: how many recovery codes are left, which maker. */
  readonly detail?: string;
}

/** An account this browser kept, or is signed in to. */
export interface AccountChoice {
  /** Posted as `account`. */
  readonly account: string;
  readonly displayName: string;
  readonly username: string;
  readonly signedIn: boolean;
}

/** A version of terms, by language: a title with a text or a link. */
export interface TermsToAccept {
  readonly documentId: string;
  readonly number: number;
  readonly field: string;
  readonly texts: Readonly<Partial<Record<'en' | 'zh-CN', { readonly title: string; readonly text?: string | undefined; readonly link?: string | undefined } | undefined>>>;
}

export type StepView =
  /** `do` = `identify` (field `identifier`), `choose_account` (field `account`), or a method that needs no name before. */
  | { readonly name: 'identify'; readonly fields: readonly Field[]; readonly accounts: readonly AccountChoice[]; readonly methods: readonly MethodView[] }
  | { readonly name: 'first_factor' | 'second_factor'; readonly methods: readonly MethodView[]; readonly remember?: { readonly days: number } }
  /** `do` = `captcha` (fields `challenge`, `solution`); a browser without script waits instead. */
  | { readonly name: 'captcha'; readonly challenge: string; readonly difficulty: number; readonly waitSeconds: number }
  /** A credential to be made; `skip` is among the actions while the policy gives time. */
  | { readonly name: 'enrol_factor'; readonly methods: readonly MethodView[]; readonly reason: 'required' | 'chosen' | 'recovery_codes'; readonly skipUntil?: string }
  /** Somebody of a source outside, with no account yet (`do` = `link_account`, field `choice`: existing or create), or who is to choose a source (`methods`). */
  | { readonly name: 'link_account'; readonly methods: readonly MethodView[]; readonly sourceName: string | undefined; readonly displayName: string | undefined; readonly choices: readonly ('existing' | 'create')[] }
  /** `do` = `change_password` (field `newPassword`). */
  | { readonly name: 'change_password'; readonly reason: 'required' | 'expired' | 'setup' | 'recovery' | 'chosen'; readonly fields: readonly Field[]; readonly policy: { readonly minimumLength: number; readonly minimumStrength: number; readonly historyCount: number } }
  /** `do` = `register`. Fields by the settings of the instance; who has the address already is not told from who has not. */
  | { readonly name: 'register'; readonly fields: readonly Field[]; readonly policy: { readonly minimumLength: number } }
  /** `do` = `verify_email` or `verify_phone` (field `code`), once `send_code` has sent one. */
  | { readonly name: 'verify_email' | 'verify_phone'; readonly to: string; readonly sent?: { readonly resendAt: string }; readonly fields: readonly Field[] }
  /** `do` = `recover` (fields `identifier`, `channel`) sends a code, whoever was named; `verify_recovery` (field `code`) takes it. */
  | { readonly name: 'recover'; readonly channels: readonly ('email' | 'sms')[]; readonly sent?: { readonly channel: 'email' | 'sms'; readonly resendAt: string }; readonly fields: readonly Field[] }
  /** `do` = `complete_profile` with the fields that are missing. */
  | { readonly name: 'complete_profile'; readonly fields: readonly Field[] }
  /** `do` = `accept_terms` with a box for each document (`field`). */
  | { readonly name: 'accept_terms'; readonly documents: readonly TermsToAccept[] }
  /** `do` = `consent` (field `decision`: allow or deny). */
  | { readonly name: 'consent'; readonly scopes: readonly { readonly name: string; readonly isNew: boolean }[]; readonly claims: readonly string[]; readonly resources: readonly { readonly identifier: string; readonly name: string; readonly scopes: readonly { readonly name: string; readonly description?: string; readonly isNew: boolean }[] }[] };

/** What a page says about the last input. Pages hold the words; `code` is stable. */
export interface Notice {
  readonly code: string;
  readonly field?: string;
  /** From when on it makes sense to try again. */
  readonly retryAt?: string;
}

/**
 * Posted as `do` without fields of their own. `continue`: nothing is missing, or the sign-in is finished already;
 * `leave`: back to the application after a denial; `restart`: the same request from its beginning.
 */
export type FlowAction = 'cancel' | 'switch_account' | 'restart' | 'leave' | 'continue' | 'recover' | 'register' | 'skip' | 'sign_in' | 'send_code' | 'edit_registration' | 'edit_recovery' | 'ask_approver';

/** Everything a page or an API client needs to draw a flow. Holds nothing of a user before the first proof. */
export interface FlowView {
  readonly flowId: string;
  readonly version: number;
  readonly status: FlowStatus;
  readonly purpose: Purpose;
  readonly expiresAt: string;
  /** Goes back with every POST. Bound to instance, browser, flow and version. */
  readonly formToken: string;
  readonly application: { readonly id: string; readonly name: string; readonly homepageUri: string | null; readonly firstParty: boolean } | undefined;
  /** Only while active. */
  readonly step: StepView | undefined;
  /** What this browser typed in this flow. */
  readonly identifier: string | undefined;
  /** After the first proof. */
  readonly account: { readonly displayName: string; readonly username: string } | undefined;
  /** This browser is signed in meanwhile: one click (`do` = `choose_account`) goes on as that person. */
  readonly continueAs: AccountChoice | undefined;
  /** Of the request: the code of a device flow, to be compared with the device (RFC 8628 §3.3.1). */
  readonly userCode: string | undefined;
  /** As asked for by the application. */
  readonly locale: string | undefined;
  readonly actions: readonly FlowAction[];
  readonly notices: readonly Notice[];
  /** Why a flow was denied: a stable code such as `account_disabled`, `not_assigned`, `attempts_used_up`. */
  readonly denial: string | undefined;
}

export type LoadedFlow =
  | { readonly kind: 'view'; readonly view: FlowView }
  /** Unknown, another browser's, or too old: one page with one button that starts the same request here. */
  | { readonly kind: 'elsewhere'; readonly restart: string | undefined };

export interface Submission {
  readonly do: string;
  readonly version: number;
  readonly formToken: string;
  readonly fields: Readonly<Record<string, string>>;
  /** The session cookie's value, when the request carried exactly one. */
  readonly sessionToken?: string | undefined;
}

export type SubmitResult =
  | { readonly kind: 'redirect'; readonly location: string; readonly setCookies: readonly string[] }
  | { readonly kind: 'form_post'; readonly form: FormPost; readonly setCookies: readonly string[] }
  | { readonly kind: 'elsewhere'; readonly restart: string | undefined };

/** What `satisfies` is asked. */
export interface SessionRequirement {
  readonly applicationId: string;
  readonly acrValues?: readonly string[];
  /** Seconds. */
  readonly maxAge?: number | undefined;
  readonly prompt?: readonly string[];
}

export type Satisfaction =
  | { readonly satisfied: true }
  | { readonly satisfied: false; readonly reason: 'prompt' | 'max_age' | 'acr' | 'account' | 'application' | 'network_zone' | 'policy' | 'second_factor' | 'terms' };
