/** Any method: what must be prepared has a button for it, its fields have a form. */
import { describedBy, type DrawMethod, rememberBox } from '../drawing.ts';
import { checkBox, form, input } from '../form.ts';
import { html } from '../html.ts';

export const plainForm: DrawMethod = (drawing, method, { isFirst, remember }) => {
  const { view, text, action, hidden } = drawing;
  return html`
  ${method.prepare === undefined ? null : form(action, { ...hidden(method.prepare), ...(method.credentialId !== undefined && { credentialId: method.credentialId }) }, html`
    ${method.hint === undefined ? null : html`<p class="hint">${method.hint}</p>`}
    <button type="submit" class="second">${text.next}</button>`)}
  ${method.fields.length === 0 ? null : form(action, hidden(method.do), html`
    ${method.fields.map((field, index) => {
    if (field.type === 'hidden') return html`<input type="hidden" name=${field.name} value=${field.value} />`;
    if (field.type === 'checkbox') return checkBox(field.name, field.label ?? field.name);
    return input(field, field.label ?? field.name, { autofocus: isFirst && index === 0, invalid: view.notices.length > 0, describedBy: describedBy(view) });
  })}
    ${rememberBox(drawing, remember)}
    <button type="submit">${text.signIn}</button>`)}`;
};
