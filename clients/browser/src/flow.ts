/** One sign-in under way. */
import { solveCaptcha } from './captcha.ts';
import { PosternError } from './errors.ts';
import { call } from './http.ts';
import { createPasskey, getPasskey } from './passkeys.ts';
import type { FlowView, MethodView } from './views.ts';

export class Flow {
  readonly #base: string;
  readonly #changed: ((view: FlowView) => void) | undefined;
  #view: FlowView;

  constructor(base: string, view: FlowView, changed?: (view: FlowView) => void) {
    this.#base = base;
    this.#view = view;
    this.#changed = changed;
  }

  /** What to draw now. */
  get view(): FlowView { return this.#view; }

  /** Answers a step by its name, or uses an action: `identify`, `consent`, `change_password`, `continue`, `skip` … */
  submit(step: string, fields: Readonly<Record<string, unknown>> = {}): Promise<FlowView> {
    return this.#post(step, fields);
  }

  /** Has a code sent, or a challenge made. */
  prepare(method: MethodView, fields: Readonly<Record<string, unknown>> = {}): Promise<FlowView> {
    return this.#post(`${method.method}/${this.#isEnrolment ? 'prepare_enrolment' : 'prepare'}`, { ...(method.credentialId !== undefined && { credentialId: method.credentialId }), ...fields });
  }

  /** Answers with a method: its fields. */
  answer(method: MethodView, fields: Readonly<Record<string, unknown>>): Promise<FlowView> {
    return this.#post(`${method.method}/${this.#isEnrolment ? 'enrol' : 'verify'}`, { ...(method.credentialId !== undefined && { credentialId: method.credentialId }), ...fields });
  }

  /** The whole of a passkey: challenge, the browser's dialog, the answer. Undefined: the person gave up. */
  async passkey(method: MethodView, further: Readonly<Record<string, unknown>> = {}): Promise<FlowView | undefined> {
    let current = method;
    if (current.prepare && current.data === undefined) {
      const { step } = await this.prepare(current);
      current = step?.methods?.find((one) => one.method === method.method && one.credentialId === method.credentialId) ?? current;
    }
    const credential = await (this.#isEnrolment ? createPasskey : getPasskey)(current.data);
    return credential && this.#post(`${method.method}/${this.#isEnrolment ? 'enrol' : 'verify'}`, { [current.fields[0]?.name ?? 'credential']: JSON.stringify(credential), ...further });
  }

  /** The step `captcha`: work for the computer, nothing for the person. */
  async captcha(): Promise<FlowView> {
    const { step } = this.#view;
    const challenge = String(step?.['challenge']);
    return this.#post('captcha', { challenge, solution: await solveCaptcha({ challenge, difficulty: Number(step?.['difficulty']) }) });
  }

  /** Looks again, for example after a lost answer. */
  refresh(): Promise<FlowView> {
    return this.#send('GET', '/flow');
  }

  /** "Not you?", or after the flow has ended: the same request from its beginning. */
  restart(): Promise<FlowView> {
    return this.#send('POST', '/flow/restart', {});
  }

  async cancel(): Promise<void> {
    await this.#send('DELETE', '/flow');
    this.#take({ ...withoutStep(this.#view), status: 'cancelled', actions: [] });
  }

  get #isEnrolment(): boolean { return this.#view.step?.name === 'enrol_factor'; }

  #post(path: string, fields: Readonly<Record<string, unknown>>): Promise<FlowView> {
    return this.#send('POST', `/flow/${path}`, { version: this.#view.version, ...fields });
  }

  async #send(method: string, path: string, body?: object): Promise<FlowView> {
    const { status, body: answer, retryAfter } = await call(`${this.#base}${path}`, {
      method, headers: { authorization: `Flow ${this.#view.flowId}`, ...(body && { 'content-type': 'application/json' }) }, ...(body && { body: JSON.stringify(body) }) });
    if (status === 204) return this.#view;
    if (status < 300) return this.#take(answer as unknown as FlowView);
    const view = answer['flow'] as FlowView | undefined;
    if (view) this.#take(view);
    // Somebody was faster (a double click, another tab): it goes on from where things stand.
    if (status === 409 && view) return view;
    throw new PosternError(status, answer, retryAfter);
  }

  #take(view: FlowView): FlowView {
    this.#view = view;
    this.#changed?.(view);
    return view;
  }
}

function withoutStep(view: FlowView): FlowView {
  const copy: { -readonly [Member in keyof FlowView]: FlowView[Member] } = { ...view };
  delete copy.step;
  return copy;
}
