/** Recovery codes: one in place of a second factor, or a new set, to be kept. */
import type { MethodView } from '../../authentication/index.ts';
import { describedBy, type Drawing, type DrawMethod, rememberBox } from '../drawing.ts';
import { checkBox, form, input } from '../form.ts';
import { html, type Markup } from '../html.ts';

export const recoveryCode: DrawMethod = (drawing, method, { remember }) => {
  const { view, text, action, hidden } = drawing;
  if (method.do === 'recovery_code.enrol') return html`${newSet(drawing, method)}
    ${form(action, hidden(method.do), html`${checkBox('kept', text.recoveryCodesKept)}<button type="submit">${text.recoveryCodesSave}</button>`)}`;
  return html`<details open=${view.notices.length > 0}><summary>${text.recoveryCodeText}</summary>
    ${form(action, hidden(method.do), html`
      ${method.fields.map((field) => input(field, text.recoveryCodeLabel, { id: `recovery-${field.name}`, className: 'code small', invalid: view.notices.length > 0, describedBy: describedBy(view) }))}
      ${rememberBox(drawing, remember)}
      <button type="submit" class="second">${text.check}</button>`)}</details>`;
};

function newSet({ text }: Drawing, { data }: MethodView): Markup {
  const { codes } = data as { codes: readonly string[] };
  const file = `${text.recoveryCodesFile('Postern')}\n\n${codes.join('\n')}\n`;
  return html`<p>${text.recoveryCodesText}</p>
    <ol class="codes">${codes.map((code) => html`<li><code>${code}</code></li>`)}</ol>
    <p><a href=${`data:text/plain;charset=utf-8,${encodeURIComponent(file)}`} download="recovery-codes.txt">${text.recoveryCodesDownload}</a></p>`;
}
