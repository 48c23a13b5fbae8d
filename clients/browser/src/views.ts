/** What the Authentication API shows (docs/authentication-api.md). */

export interface Field {
  readonly name: string;
  /** text, password, checkbox, email, tel, number, date, select … */
  readonly type: string;
  readonly required: boolean;
  readonly autocomplete?: string;
  readonly inputMode?: string;
  readonly maxLength?: number;
  readonly value?: string;
  readonly label?: string;
  readonly options?: readonly { readonly value: string; readonly label: string }[];
}

/** One way to answer a step. */
export interface MethodView {
  readonly method: string;
  readonly fields: readonly Field[];
  /** Call `flow.prepare(method)` first: it sends a code or makes a challenge. */
  readonly prepare?: boolean;
  readonly credentialId?: string;
  /** What it goes to, masked. */
  readonly hint?: string;
  readonly sent?: { readonly resendAt: string };
  readonly data?: unknown;
}

export interface StepView {
  /** identify, first_factor, second_factor, enrol_factor, change_password, consent, redirect … */
  readonly name: string;
  readonly methods?: readonly MethodView[];
  readonly fields?: readonly Field[];
  /** Where `fields` go, when not by the name of the step: `flow.submit(step.submit ?? step.name, …)`. */
  readonly submit?: string;
  readonly requestUri?: string;
  readonly redirectUri?: string;
  readonly [member: string]: unknown;
}

export interface FlowView {
  /** A secret: it stays in memory and in a header. */
  readonly flowId: string;
  readonly version: number;
  readonly status: 'active' | 'completed' | 'denied' | 'cancelled' | 'expired';
  readonly purpose: string;
  readonly expiresAt: string;
  readonly step?: StepView;
  readonly account?: { readonly displayName: string; readonly username: string };
  readonly actions: readonly string[];
  readonly notices: readonly { readonly code: string; readonly field?: string; readonly retryAt?: string }[];
  readonly result?: { readonly code: string; readonly redirectUri: string; readonly expiresIn: number; readonly iss: string };
  readonly reason?: string;
}
