/** What every part of the account page is drawn with. */
import type { AccountSection, Notice } from '../../authentication/index.ts';
import { accountSections } from '../../authentication/index.ts';
import { form, problems } from '../form.ts';
import { html, type Markup } from '../html.ts';
import type { Locale } from '../locale.ts';
import type { Texts } from '../texts/en.ts';

export interface AccountDrawing {
  readonly text: Texts;
  readonly locale: Locale;
  /** `{issuer}/account` */
  readonly base: string;
  readonly section: AccountSection;
  readonly formToken: string;
  readonly displayName: string;
  /** One of `text.accountDone`. */
  readonly done: string | undefined;
  readonly notice: Notice | undefined;
}

/** A form of this part; `fields` are hidden. */
export const post = ({ base, section, formToken }: AccountDrawing, verb: string, fields: Readonly<Record<string, string>>, body: Markup) =>
  form(`${base}/${section}`, { do: verb, formToken, ...fields }, body);

/** A small button with a name of its own for screen readers: "Remove: Phone". */
export const smallButton = (words: string, about: string) => html`<button type="submit" class="small" aria-label=${`${words}: ${about}`}>${words}</button>`;

export const time = (locale: Locale, at: Date) => new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'short', timeZone: 'UTC' }).format(at);
export const day = (locale: Locale, at: Date) => new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeZone: 'UTC' }).format(at);

export const nothing = ({ text }: AccountDrawing) => html`<p class="hint">${text.accountNothing}</p>`;

/** The frame of all parts: whose account, where one is, what was done. */
export function drawAccount(drawing: AccountDrawing, body: Markup): { title: string; body: Markup } {
  const { text, base, section, displayName, done, notice, locale } = drawing;
  const said = done !== undefined && Object.hasOwn(text.accountDone, done) ? text.accountDone[done] : undefined;
  return {
    title: `${text.accountSections[section]} · ${text.accountTitle}`,
    body: html`
      <div class="who"><span>${displayName}</span>${post(drawing, 'sign_out', {}, html`<button type="submit" class="link">${text.accountSignOut}</button>`)}</div>
      <nav class="parts" aria-label=${text.accountNav}>
        ${accountSections.map((each) => html`<a href=${`${base}/${each}`} aria-current=${each === section ? 'page' : undefined}>${text.accountSections[each]}</a>`)}
      </nav>
      <h1>${text.accountSections[section]}</h1>
      ${said === undefined ? null : html`<p class="done" role="status">${said}</p>`}
      ${notice === undefined ? null : problems([notice], text, locale)}
      ${body}`,
  };
}
