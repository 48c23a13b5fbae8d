import type { ProfileView } from '../../authentication/index.ts';
import { checkBox, input } from '../form.ts';
import { html, type Markup } from '../html.ts';
import { type AccountDrawing, post } from './drawing.ts';

/** `typed`: what was posted and refused, so that nothing has to be typed again. */
export function drawProfile(drawing: AccountDrawing, { editable, fixed }: ProfileView, typed: Readonly<Record<string, string>> = {}): Markup {
  const { text, notice } = drawing;
  return html`
    ${editable.length === 0 ? null : post(drawing, 'save', {}, html`
      ${editable.map((field) => {
    const label = field.label ?? text.accountFields[field.name] ?? field.name;
    const value = typed[field.name] ?? field.value ?? '';
    if (field.type === 'checkbox') return checkBox(field.name, label, undefined, value === 'true' || value === 'on');
    if (field.type === 'select') {
      return html`<div><label for=${field.name}>${label}</label><select id=${field.name} name=${field.name} required=${field.required}>
        ${field.required ? null : html`<option value="">–</option>`}
        ${(field.options ?? []).map((option) => html`<option value=${option.value} selected=${option.value === value}>${option.label}</option>`)}
      </select></div>`;
    }
    const invalid = notice?.field === field.name;
    return input({ ...field, value }, label, { invalid, describedBy: invalid ? 'problems' : undefined });
  })}
      <button type="submit">${text.accountSave}</button>`)}
    ${fixed.length === 0 ? null : html`<h2>${text.accountFixed}</h2><dl>
      ${fixed.map(({ name, label, value, verified }) => html`<dt>${label ?? text.accountFields[name] ?? name}</dt>
        <dd>${value}${verified === undefined ? null : html` <small>${verified ? text.accountVerified : text.accountNotVerified}</small>`}</dd>`)}
    </dl>`}`;
}
