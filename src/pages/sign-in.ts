/** Draws a flow: one page for whatever it needs next. */
import type { FlowAction, FlowView } from '../authentication/index.ts';
import { actionButton, type Drawing } from './drawing.ts';
import { problems } from './form.ts';
import { html, type Markup } from './html.ts';
import { type Locale, texts } from './locale.ts';
import { drawStep } from './steps/index.ts';

/** The title and the body of the page of a flow. */
export function drawFlow(view: FlowView, action: string, locale: Locale): { title: string; body: Markup } {
  const drawing: Drawing = {
    view, locale, action, text: texts[locale],
    hidden: (verb) => ({ do: verb, version: String(view.version), formToken: view.formToken }),
  };
  // Nothing is missing (signed in meanwhile, in another tab): one click goes on.
  if (view.status === 'active' && view.actions.includes('continue')) return goOn(drawing);
  if (view.status !== 'active' || view.step === undefined) return ended(drawing);
  const { title, lead, body } = drawStep(drawing, view.step);
  return {
    title,
    body: html`<h1>${title}</h1>${lead}
      ${view.userCode === undefined ? null : html`<p class="lead">${drawing.text.deviceCheck}</p><div class="usercode">${view.userCode}</div>`}
      ${problems(view.notices, drawing.text, locale)}
      ${body}${otherWays(drawing)}
      ${view.actions.includes('cancel') && view.step.name !== 'consent' ? actionButton(drawing, 'cancel', drawing.text.cancel, 'second') : null}`,
  };
}

/** Ways out of a step that are no answer to it. */
function otherWays(drawing: Drawing): Markup {
  const { view, text } = drawing;
  const words: Partial<Record<FlowAction, string>> = { skip: text.notNow, recover: text.recover, register: text.register, sign_in: text.signInInstead, edit_registration: text.editRegistration, edit_recovery: text.editRecovery, ask_approver: text.askApprover };
  return (['skip', 'recover', 'register', 'edit_registration', 'edit_recovery', 'ask_approver', 'sign_in'] as const).map((action) => (view.actions.includes(action) ? actionButton(drawing, action, words[action] ?? '', action === 'skip' ? 'second' : 'link') : null));
}

function goOn(drawing: Drawing): { title: string; body: Markup } {
  const { view, text } = drawing;
  const name = view.account?.displayName ?? view.account?.username ?? '';
  const title = text.continueAs(name);
  return {
    title,
    body: html`<h1>${title}</h1><p class="lead">${view.purpose === 'recover' || view.purpose === 'setup' ? text.linkOpened : text.alreadySignedIn}</p>
      ${problems(view.notices, text, drawing.locale)}
      ${actionButton(drawing, 'continue', text.continue)}
      ${view.actions.includes('switch_account') ? actionButton(drawing, 'switch_account', text.anotherAccount, 'second') : null}`,
  };
}

function ended(drawing: Drawing): { title: string; body: Markup } {
  const { view, text } = drawing;
  const [title, words] = {
    completed: [text.completedTitle, text.completedText],
    denied: [text.deniedTitle, view.denial === undefined ? text.denialFallback : (text.denials[view.denial] ?? text.denialFallback)],
    cancelled: [text.cancelledTitle, text.cancelledText],
    expired: [text.expiredTitle, text.expiredText],
    active: [text.elsewhereTitle, text.elsewhereText],
  }[view.status] as [string, string];
  const home = view.application?.homepageUri;
  return {
    title,
    body: html`<h1>${title}</h1><p>${words}</p>
      ${view.actions.includes('leave') ? actionButton(drawing, 'leave', view.application === undefined ? text.continue : text.backTo(view.application.name)) : null}
      ${view.actions.includes('restart') ? actionButton(drawing, 'restart', text.startAgain, view.actions.includes('leave') ? 'second' : undefined) : null}
      ${view.actions.includes('continue') ? actionButton(drawing, 'continue', text.continue) : null}
      ${home && !view.actions.includes('leave') ? html`<a class="button second" href=${home} rel="noreferrer">${text.backTo(view.application?.name ?? '')}</a>` : null}`,
  };
}
