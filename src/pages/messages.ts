/** Pages that say something, or ask for one decision, outside a flow. Protocols draw theirs through `renderPage`. */
import type { FormPost } from '../authentication/index.ts';
import type { InstanceContext } from '../tenancy/index.ts';
import { formTargetsOf, renderFrame, type RenderedPage } from './document.ts';
import { form, input, problems } from './form.ts';
import { html, type Markup } from './html.ts';
import { chooseLocale, type Locale, texts } from './locale.ts';
import type { Texts } from './texts/en.ts';

export type PageModel =
  /** RP-initiated logout without a valid hint: buttons post `decision` = sign_out or stay. */
  | { page: 'sign_out'; applicationName?: string; action: string; fields: Readonly<Record<string, string>>; formTargets?: readonly string[] }
  | { page: 'signed_out' }
  /** RFC 8628 §3.3: the field is `user_code`. */
  | { page: 'device_code'; action: string; fields: Readonly<Record<string, string>>; notice?: string; userCode?: string }
  /** Refusing adds `abort` = yes to the fields. */
  | { page: 'device_confirm'; action: string; fields: Readonly<Record<string, string>>; applicationName: string; userCode: string }
  | { page: 'device_done'; allowed: boolean }
  /** Posts itself by script, by a button without. */
  | { page: 'form_post'; form: FormPost }
  | { page: 'elsewhere'; restart: string | undefined; noCookies: boolean }
  | { page: 'home'; signedInAs: string | undefined }
  | { page: 'not_set_up'; publicUrl: string | undefined; command: string }
  | { page: 'setup_link'; command: string }
  | { page: 'invitation_link' }
  | { page: 'recovery_link' }
  /** Of a mailed link: in the browser that waits, in another one, with the code for the page that waits, or too late. */
  | { page: 'link_here'; name: string; action: string; fields: Readonly<Record<string, string>> }
  | { page: 'link_elsewhere'; action: string }
  | { page: 'link_code'; code: string }
  | { page: 'link_gone' }
  /** On the way to an identity source; the browser goes on by itself. */
  | { page: 'leaving'; sourceName: string; address: string }
  | { page: 'error'; detail: string; requestId?: string };

export interface PageHeaders { cookie?: string | undefined; 'accept-language'?: string | undefined }

/** Renders one of these pages in the language of the request. */
export function renderPage(context: InstanceContext, headers: PageHeaders, model: PageModel, askedLocale?: string): RenderedPage {
  const locale = chooseLocale(context, headers, askedLocale);
  const { title, body, formTargets = [] } = draw(model, texts[locale], locale, context);
  const languageSwitch = model.page === 'home' || model.page === 'not_set_up' ? `${context.instance.issuer}/` : undefined;
  return renderFrame({ context, locale, title, body, formTargets, languageSwitch });
}

interface Drawn { title: string; body: Markup; formTargets?: readonly string[] }

function draw(model: PageModel, text: Texts, locale: Locale, context: InstanceContext): Drawn {
  switch (model.page) {
    case 'sign_out': return {
      ...say(text.signOutTitle, text.signOutText(model.applicationName), form(model.action, model.fields, html`
        <button type="submit" name="decision" value="sign_out">${text.signOut}</button>
        <button type="submit" name="decision" value="stay" class="second">${text.stay}</button>`)),
      ...(model.formTargets && { formTargets: formTargetsOf(model.formTargets) }),
    };
    case 'leaving': return say(text.leavingTitle(model.sourceName), text.leavingText, html`<p><a class="button" href=${model.address} rel="noreferrer">${text.leavingButton}</a></p>`);
    case 'signed_out': return say(text.signedOutTitle, text.signedOutText);
    case 'device_code': {
      const notices = model.notice === undefined ? [] : [{ code: model.notice }];
      const field = { name: 'user_code', type: 'text', required: true, autocomplete: 'off', maxLength: 20, ...(model.userCode !== undefined && { value: model.userCode }) } as const;
      return say(text.deviceTitle, text.deviceText, html`${problems(notices, text, locale)}${form(model.action, model.fields, html`
        ${input(field, text.deviceCode, { className: 'code', autofocus: notices.length === 0, invalid: notices.length > 0 })}
        <button type="submit">${text.next}</button>`)}`);
    }
    case 'device_confirm': return say(text.deviceConfirmTitle(model.applicationName), text.deviceConfirmText, html`
      <div class="usercode">${model.userCode}</div>
      ${form(model.action, model.fields, html`
        <button type="submit" name="confirm" value="yes">${text.connect}</button>
        <button type="submit" name="abort" value="yes" class="second">${text.cancel}</button>`)}`);
    case 'device_done': return model.allowed ? say(text.deviceDoneTitle, text.deviceDoneText) : say(text.deviceDeniedTitle, text.deviceDeniedText);
    case 'form_post': return {
      ...say(text.formPostTitle, text.formPostText, html`<form method="post" action=${model.form.action} data-submit-now>
        ${Object.entries(model.form.fields).map(([name, value]) => html`<input type="hidden" name=${name} value=${value} />`)}
        <button type="submit">${text.continue}</button>
      </form>`),
      formTargets: formTargetsOf([model.form.action]),
    };
    case 'elsewhere': return say(text.elsewhereTitle, text.elsewhereText, html`
      ${model.restart === undefined ? null : html`<a class="button" href=${model.restart}>${text.startAgain}</a>`}
      ${model.noCookies ? html`<p class="hint">${text.elsewhereHint}</p>` : null}`);
    case 'home': return say(text.homeTitle(context.instance.branding.displayName ?? context.instance.name),
      model.signedInAs === undefined ? text.homeText : `${text.homeSignedIn(model.signedInAs)} ${text.homeText}`,
      context.instance.settings.selfService.enabled ? html`<a class="button" href=${`${context.instance.issuer}/account`}>${text.accountLink}</a>` : null);
    case 'not_set_up': return say(text.notSetUpTitle, text.notSetUpText, html`<pre>${model.command}</pre>
      ${model.publicUrl === undefined ? null : html`<p class="hint">${text.originHint(model.publicUrl)}</p>`}`);
    case 'setup_link': return say(text.setupLinkTitle, text.setupLinkText, html`<pre>${model.command}</pre>`);
    case 'recovery_link': return say(text.setupLinkTitle, text.recoveryLinkText);
    case 'invitation_link': return say(text.setupLinkTitle, text.invitationLinkText);
    case 'link_here': return say(text.mailLinkTitle, text.mailLinkHereText(model.name), form(model.action, model.fields, html`<button type="submit">${text.signIn}</button>`));
    case 'link_elsewhere': return say(text.mailLinkTitle, text.mailLinkElsewhereText, html`<p>${text.mailLinkElsewhereWarning}</p>${form(model.action, {}, html`<button type="submit">${text.mailLinkShow}</button>`)}`);
    case 'link_code': return say(text.mailLinkCodeTitle, text.mailLinkCodeText, html`<div class="usercode">${model.code}</div>`);
    case 'link_gone': return say(text.mailLinkGoneTitle, text.mailLinkGoneText);
    case 'error': return say(text.errorTitle, model.detail, model.requestId === undefined ? null : html`<p class="hint">${text.errorRequestId}: ${model.requestId}</p>`);
  }
}

const say = (title: string, words: string, rest: Markup = null): Drawn => ({ title, body: html`<h1>${title}</h1><p class="lead">${words}</p>${rest}` });

/** Above the sign-in pages until the first administrator has signed in. */
export const setupHint = (locale: Locale, command: string): Markup =>
  html`<aside class="setup"><strong>${texts[locale].notSetUpTitle}.</strong> ${texts[locale].notSetUpText} <code>${command}</code></aside>`;
