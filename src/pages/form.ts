/** The small parts that forms are made of. */
import type { Field, Notice } from '../authentication/index.ts';
import type { Texts } from './texts/en.ts';
import { html, type Markup } from './html.ts';

/** A form that posts back to `action`, with its hidden fields. */
export function form(action: string, hidden: Readonly<Record<string, string>>, body: Markup) {
  return html`<form method="post" action=${action}>
    ${Object.entries(hidden).map(([name, value]) => html`<input type="hidden" name=${name} value=${value} />`)}
    ${body}
  </form>`;
}

/** An input with its label; `describedBy` names hint and error. */
export function input(field: Field, label: string, options: { autofocus?: boolean; invalid?: boolean; describedBy?: string | undefined; className?: string; id?: string } = {}) {
  return html`
    <div>
      <label for=${options.id ?? field.name}>${label}</label>
      <input id=${options.id ?? field.name} name=${field.name} type=${field.type} required=${field.required} autocomplete=${field.autocomplete}
        inputmode=${field.inputMode} maxlength=${field.maxLength} value=${field.value} class=${options.className}
        autofocus=${options.autofocus} aria-invalid=${options.invalid ? 'true' : undefined} aria-describedby=${options.describedBy}
        autocapitalize="none" autocorrect="off" spellcheck=${false} />
    </div>`;
}

/** A check box with an optional explanation. */
export function checkBox(name: string, label: string, hint?: string, checked = false) {
  return html`<label class="check"><input type="checkbox" name=${name} value="true" checked=${checked} /><span>${label}${hint === undefined ? null : html`<small>${hint}</small>`}</span></label>`;
}

/** Shown by the script only: without it the box would do nothing. */
export const revealBox = (target: string, text: Texts) =>
  html`<label class="check" data-reveals=${target} hidden><input type="checkbox" /><span>${text.showPassword}</span></label>`;

/** What the last input was refused for. Takes the focus, so that it is read out first. */
export function problems(notices: readonly Notice[], text: Texts, locale: string): Markup {
  if (notices.length === 0) return null;
  return html`<div class="wrong" role="alert" id="problems" tabindex="-1" autofocus>
    <strong>${text.problemTitle}</strong>
    ${notices.map((notice) => html`<p>${sentence(notice, text, locale)}</p>`)}
  </div>`;
}

function sentence(notice: Notice, text: Texts, locale: string): string {
  const words = text.notices[notice.code] ?? text.noticeFallback;
  if (notice.retryAt === undefined) return words;
  const time = new Intl.DateTimeFormat(locale, { hour: 'numeric', minute: '2-digit', timeZone: 'UTC', timeZoneName: 'short' }).format(new Date(notice.retryAt));
  return `${words} ${text.retryAt(time)}`;
}
