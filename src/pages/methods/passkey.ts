/** A passkey: a button that opens the browser's own dialog. Without script there is no such thing, and no button. */
import { type DrawMethod, rememberBox } from '../drawing.ts';
import { form, input } from '../form.ts';
import { html } from '../html.ts';

export const passkey: DrawMethod = (drawing, method, { isFirst, remember }) => {
  const { view, text, action, hidden } = drawing;
  const isNew = method.do === 'webauthn.enrol';
  const isUnknown = view.notices.some(({ code }) => code === 'Passkey.Unknown');
  // Only where nobody is named yet does the browser offer passkeys within the name field.
  const autofill = view.step?.name === 'identify';
  return html`
  <noscript><p class="hint">${text.passkeyScript}</p></noscript>
  <div data-passkey=${isNew ? 'create' : 'get'} data-options=${JSON.stringify(method.data)} data-autofill=${autofill ? 'yes' : undefined} data-unknown=${isUnknown ? 'yes' : undefined} hidden>
    ${isNew ? html`<h2>${text.passkeyEnrolTitle}</h2><p>${text.passkeyEnrolText}</p>` : null}
    ${form(action, hidden(method.do), html`
      <input type="hidden" name="credential" />
      ${method.fields.filter(({ name }) => name === 'name').map((field) => input(field, text.passkeyName, { id: 'passkey-name' }))}
      ${rememberBox(drawing, remember)}
      <p class="hint" role="status" hidden>${isNew ? text.passkeyNotMade : text.passkeyNotUsed}</p>
      <button type="submit" class=${isFirst && !autofill ? undefined : 'second'}>${isNew ? text.passkeyMake : text.passkeyUse}</button>`)}
  </div>`;
};
