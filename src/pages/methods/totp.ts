/** An authenticator app: its code, or the QR code to set one up. */
import { describedBy, type Drawing, type DrawMethod, rememberBox } from '../drawing.ts';
import { form, input } from '../form.ts';
import { html, type Markup } from '../html.ts';
import { qrCode } from '../qr-code.ts';
import type { MethodView } from '../../authentication/index.ts';

export const totp: DrawMethod = (drawing, method, { isFirst, remember }) => {
  const { view, text, action, hidden } = drawing;
  const labels: Record<string, string> = { code: text.totpLabel, name: text.totpName };
  const isNew = method.do === 'totp.enrol';
  return html`
  ${isNew ? setUp(drawing, method) : html`<p>${text.totpText}</p>`}
  ${form(action, hidden(method.do), html`
    ${method.fields.map((field) => input(field, labels[field.name] ?? field.name, {
    id: `totp-${field.name}`, ...(field.name === 'code' && { className: 'code', autofocus: isFirst, invalid: view.notices.length > 0, describedBy: describedBy(view) }) }))}
    ${rememberBox(drawing, remember)}
    <button type="submit">${isNew ? text.totpSave : text.check}</button>`)}`;
};

function setUp({ text }: Drawing, { data }: MethodView): Markup {
  const { secret, uri } = data as { secret: string; uri: string };
  return html`<h2>${text.totpEnrolTitle}</h2><p>${text.totpEnrolText}</p>
    ${qrCode(uri, text.totpQr)}
    <p class="hint">${text.totpKey}<br /><code>${secret.replace(/(.{4})(?=.)/g, '$1 ')}</code></p>`;
}
