/** Draws a flow: one page for whatever it needs next. */
import type { FlowAction, FlowView, MethodView, StepView } from '../authentication/index.ts';
import { checkBox, form, input, problems, revealBox } from './form.ts';
import { html, type Markup } from './html.ts';
import { type Locale, texts } from './locale.ts';
import type { Texts } from './texts/en.ts';

interface Drawing {
  readonly view: FlowView;
  readonly text: Texts;
  readonly locale: Locale;
  /** Where the forms post to: the page's own address. */
  readonly action: string;
  readonly hidden: (verb: string) => Record<string, string>;
}

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
      ${body}
      ${view.actions.includes('cancel') && view.step.name !== 'consent' ? actionButton(drawing, 'cancel', drawing.text.cancel, 'second') : null}`,
  };
}

interface DrawnStep { title: string; lead: Markup; body: Markup }

function drawStep(drawing: Drawing, step: StepView): DrawnStep {
  switch (step.name) {
    case 'identify': return identify(drawing, step);
    case 'first_factor': return factor(drawing, step.methods, step.remember, drawing.text.enterPassword);
    case 'second_factor': return factor(drawing, step.methods, step.remember, drawing.text.secondFactor);
    case 'change_password': return changePassword(drawing, step);
    case 'consent': return consent(drawing, step);
  }
}

function identify(drawing: Drawing, step: Extract<StepView, { name: 'identify' }>): DrawnStep {
  const { view, text, action, hidden } = drawing;
  const [field] = step.fields;
  const choosing = step.accounts.length > 0;
  const ask = field === undefined ? null : form(action, hidden('identify'), html`
    ${input(field, text.identifier, { autofocus: !choosing && view.notices.length === 0, invalid: view.notices.length > 0, describedBy: describedBy(view) })}
    <button type="submit">${text.next}</button>`);
  if (!choosing) return { title: text.signIn, lead: applicationLine(drawing), body: ask };
  return {
    title: text.chooseAccount,
    lead: applicationLine(drawing),
    body: html`${form(action, hidden('choose_account'), html`
      <fieldset>
        <legend class="skip">${text.chooseAccount}</legend>
        ${step.accounts.map((choice, index) => html`<label class="choice">
          <input type="radio" name="account" value=${choice.account} required checked=${index === 0} />
          <span>${choice.displayName}<small>${choice.username}${choice.signedIn ? ` · ${text.signedInHere}` : ''}</small></span>
        </label>`)}
      </fieldset>
      <button type="submit">${text.continue}</button>`)}
      <p class="hint">${text.anotherAccount}</p>${ask}`,
  };
}

function factor(drawing: Drawing, methods: readonly MethodView[], remember: { days: number } | undefined, title: string): DrawnStep {
  return { title, lead: applicationLine(drawing), body: html`${who(drawing)}${continueAs(drawing)}${methods.map((method) => methodForm(drawing, method, remember))}` };
}

/** Signed in meanwhile, in another tab: one click goes on as that person. */
function continueAs({ view, text, action, hidden }: Drawing): Markup {
  const choice = view.continueAs;
  if (choice === undefined) return null;
  return form(action, { ...hidden('choose_account'), account: choice.account }, html`
    <p class="hint">${text.alreadySignedIn}</p>
    <button type="submit" class="second">${text.continueAs(choice.displayName)}</button>`);
}

function methodForm(drawing: Drawing, method: MethodView, remember: { days: number } | undefined): Markup {
  const { view, text, action, hidden } = drawing;
  return form(action, hidden(method.do), html`
    ${method.fields.map((field) => {
    if (field.type === 'hidden') return html`<input type="hidden" name=${field.name} value=${field.value} />`;
    if (field.type === 'checkbox') return checkBox(field.name, text.remember, remember && text.rememberDays(remember.days));
    return html`
        ${view.identifier === undefined ? null : html`<input type="text" name="username" autocomplete="username" value=${view.identifier} hidden readonly tabindex="-1" aria-hidden="true" />`}
        ${input(field, text.password, { autofocus: view.notices.length === 0, invalid: view.notices.length > 0, describedBy: describedBy(view) })}
        ${field.type === 'password' ? revealBox(field.name, text) : null}`;
  })}
    <button type="submit">${text.signIn}</button>`);
}

function changePassword(drawing: Drawing, step: Extract<StepView, { name: 'change_password' }>): DrawnStep {
  const { view, text, action, hidden } = drawing;
  const [title, lead] = {
    setup: [text.setUpTitle, text.setUpText(view.account?.username ?? '')],
    required: [text.changeRequired, text.changeRequiredText],
    expired: [text.changeExpired, text.changeExpiredText],
  }[step.reason] as [string, string];
  const { minimumLength, historyCount } = step.policy;
  return {
    title,
    lead: html`<p class="lead">${lead}</p>`,
    body: form(action, hidden('change_password'), html`
      ${view.account === undefined ? null : html`<input type="text" name="username" autocomplete="username" value=${view.account.username} hidden readonly tabindex="-1" aria-hidden="true" />`}
      ${step.fields.map((field) => html`
        ${input(field, text.newPassword, { autofocus: view.notices.length === 0, invalid: view.notices.length > 0, describedBy: ['rules', describedBy(view)].filter(Boolean).join(' ') })}
        <p class="hint" id="rules">${text.passwordRules(minimumLength)}${step.reason !== 'setup' && historyCount > 0 ? ` ${text.passwordHistory(historyCount)}` : ''}</p>
        ${revealBox(field.name, text)}`)}
      <button type="submit">${text.savePassword}</button>`),
  };
}

function consent(drawing: Drawing, step: Extract<StepView, { name: 'consent' }>): DrawnStep {
  const { view, text, action, hidden } = drawing;
  const application = view.application?.name ?? '';
  const fresh = (isNew: boolean) => (isNew ? html`<span class="new">${text.consentNew}</span>` : null);
  return {
    title: text.consentTitle(application),
    lead: null,
    body: html`${who(drawing)}
      <p>${text.consentText}</p>
      <ul class="scopes">
        ${step.scopes.map((scope) => html`<li>${text.scopes[scope.name] ?? html`<code>${scope.name}</code>`}${fresh(scope.isNew)}</li>`)}
        ${step.claims.map((claim) => html`<li><code>${claim}</code></li>`)}
      </ul>
      ${step.resources.map((resource) => html`<p>${text.atApi(resource.name)}</p><ul class="scopes">
        ${resource.scopes.map((scope) => html`<li>${scope.description ?? scope.name}${fresh(scope.isNew)} ${scope.description === undefined ? null : html`<code>${scope.name}</code>`}</li>`)}
      </ul>`)}
      <p class="hint">${text.consentFooter(application)}</p>
      ${form(action, hidden('consent'), html`
        <button type="submit" name="decision" value="allow">${text.allow}</button>
        <button type="submit" name="decision" value="deny" class="second">${text.deny}</button>`)}`,
  };
}

function goOn(drawing: Drawing): { title: string; body: Markup } {
  const { view, text } = drawing;
  const name = view.account?.displayName ?? view.account?.username ?? '';
  const title = text.continueAs(name);
  return {
    title,
    body: html`<h1>${title}</h1><p class="lead">${text.alreadySignedIn}</p>
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

function who(drawing: Drawing): Markup {
  const { view, text, action, hidden } = drawing;
  const name = view.account?.username ?? view.identifier;
  if (name === undefined) return null;
  return html`<div class="who"><span>${name}</span>
    ${view.actions.includes('switch_account') ? form(action, hidden('switch_account'), html`<button type="submit" class="link">${text.notYou}</button>`) : null}
  </div>`;
}

const applicationLine = ({ view, text }: Drawing) => (view.application === undefined ? null : html`<p class="lead">${text.signInTo(view.application.name)}</p>`);

const actionButton = ({ action, hidden }: Drawing, verb: FlowAction, words: string, className?: string) =>
  form(action, hidden(verb), html`<button type="submit" class=${className}>${words}</button>`);

const describedBy = (view: FlowView) => (view.notices.length > 0 ? 'problems' : undefined);
