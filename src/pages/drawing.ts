/** What every step and method of a flow is drawn with. */
import type { FlowAction, FlowView, MethodView, StepView } from '../authentication/index.ts';
import { checkBox, form } from './form.ts';
import { html, type Markup } from './html.ts';
import type { Locale } from './locale.ts';
import type { Texts } from './texts/en.ts';

export interface Drawing {
  readonly view: FlowView;
  readonly text: Texts;
  readonly locale: Locale;
  /** Where the forms post to: the page's own address. */
  readonly action: string;
  /** The hidden fields of a form. */
  readonly hidden: (verb: string) => Record<string, string>;
}

export interface DrawnStep { readonly title: string; readonly lead: Markup; readonly body: Markup }

/** Draws one step. */
export type Draw<Name extends StepView['name']> = (drawing: Drawing, step: Extract<StepView, { name: Name }>) => DrawnStep;

/** Draws one method of a step; `isFirst`: it may take the focus. */
export type DrawMethod = (drawing: Drawing, method: MethodView, options: { readonly isFirst: boolean; readonly remember: { readonly days: number } | undefined }) => Markup;

/** Who it is about, and the way out for who it is not. */
export function who({ view, text, action, hidden }: Drawing): Markup {
  const name = view.account?.username ?? view.identifier;
  if (name === undefined) return null;
  return html`<div class="who"><span>${name}</span>
    ${view.actions.includes('switch_account') ? form(action, hidden('switch_account'), html`<button type="submit" class="link">${text.notYou}</button>`) : null}
  </div>`;
}

export const applicationLine = ({ view, text }: Drawing) => (view.application === undefined ? null : html`<p class="lead">${text.signInTo(view.application.name)}</p>`);

export const actionButton = ({ action, hidden }: Drawing, verb: FlowAction, words: string, className?: string) =>
  form(action, hidden(verb), html`<button type="submit" class=${className}>${words}</button>`);

export const describedBy = (view: FlowView) => (view.notices.length > 0 ? 'problems' : undefined);

/** For password managers: whose password the field below takes. */
export const userNameField = (name: string | undefined): Markup => (name === undefined ? null
  : html`<input type="text" name="username" autocomplete="username" value=${name} hidden readonly tabindex="-1" aria-hidden="true" />`);

/** "Keep me signed in", where the instance allows it. */
export const rememberBox = ({ text, view }: Drawing, remember: { readonly days: number } | undefined): Markup =>
  (remember === undefined ? null : checkBox('remember', view.step?.name === 'second_factor' ? text.rememberDevice : text.remember, text.rememberDays(remember.days)));
