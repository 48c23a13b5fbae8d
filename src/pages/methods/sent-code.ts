/** Codes by mail and text, and mailed links: a button sends one, then there is a field for the code. */
import type { MethodView } from '../../authentication/index.ts';
import { describedBy, type Drawing, type DrawMethod, rememberBox } from '../drawing.ts';
import { form, input } from '../form.ts';
import { html, type Markup } from '../html.ts';

type Sent = 'otp_email' | 'otp_sms' | 'magic_link';

export const sentCode: DrawMethod = (drawing, method, { isFirst, remember }) => {
  const { view, text, action, hidden } = drawing;
  const words = text[method.method as Sent];
  if (method.sent === undefined) return sendButton(drawing, method, words.send(method.hint));
  const link = method.method === 'magic_link';
  return html`
  <p role="status">${words.sent(method.hint)}</p>
  ${form(action, hidden(method.do), html`
    ${link ? html`<p class="hint">${text.magic_link.codeHint}</p>` : null}
    ${method.fields.map((field) => input(field, link ? text.magic_link.codeLabel : text.code, {
    id: `${method.method}-${field.name}`, className: 'code', autofocus: isFirst && !link, invalid: view.notices.length > 0, describedBy: describedBy(view) }))}
    ${rememberBox(drawing, remember)}
    <button type="submit">${text.check}</button>`)}
  ${sendButton(drawing, method, text.sendAgain)}`;
};

function sendButton({ action, hidden }: Drawing, method: MethodView, words: string): Markup {
  return method.prepare === undefined ? null : form(action, hidden(method.prepare), html`<button type="submit" class="second">${words}</button>`);
}
