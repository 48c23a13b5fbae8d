/** Fields of people in forms: built-in ones in the words of the page, custom ones in those of the instance. */
import type { Field } from '../authentication/index.ts';
import { describedBy, type Drawing } from './drawing.ts';
import { input, revealBox } from './form.ts';
import { html, type Markup } from './html.ts';

/** All fields of a form; the one that was refused is marked. */
export const drawFields = (drawing: Drawing, fields: readonly Field[], minimumLength?: number): Markup =>
  html`${fields.map((field, index) => drawField(drawing, field, { isFirst: index === 0, minimumLength }))}`;

function drawField({ view, text }: Drawing, field: Field, { isFirst, minimumLength }: { isFirst: boolean; minimumLength: number | undefined }): Markup {
  const words = field.label ?? text.fields[field.name] ?? field.name;
  // Of an address and a number one is enough: neither is to be left out for being called optional.
  const label = field.required || field.name === 'email' || field.name === 'phone' ? words : `${words} ${text.optional}`;
  const invalid = view.notices.some((notice) => notice.field === field.name);
  const problem = invalid ? describedBy(view) : undefined;
  if (field.type === 'checkbox') return html`<label class="check"><input type="checkbox" name=${field.name} value="true" checked=${field.value === 'true'} /><span>${words}</span></label>`;
  if (field.type === 'select') {
    return html`<div><label for=${field.name}>${label}</label>
      <select id=${field.name} name=${field.name} required=${field.required} aria-invalid=${invalid ? 'true' : undefined} aria-describedby=${problem}>
        <option value="">${text.choose}</option>
        ${(field.options ?? []).map((option) => html`<option value=${option.value} selected=${option.value === field.value}>${option.label}</option>`)}
      </select></div>`;
  }
  const rules = field.type === 'password' && minimumLength !== undefined;
  return html`${input(field, label, { autofocus: isFirst && view.notices.length === 0, invalid, describedBy: [rules ? 'rules' : undefined, problem].filter(Boolean).join(' ') || undefined })}
    ${rules ? html`<p class="hint" id="rules">${text.passwordRules(minimumLength)}${field.required ? '' : ` ${text.withoutPassword}`}</p>${revealBox(field.name, text)}` : null}`;
}
