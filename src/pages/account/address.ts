/** Changing the e-mail address and the telephone number: the new one, then the code that was sent to it. */
import { input } from '../form.ts';
import { html, type Markup } from '../html.ts';
import { type AccountDrawing, post } from './drawing.ts';

export interface AddressChangesView { readonly email: { readonly to: string } | undefined; readonly sms: { readonly to: string } | undefined }

export const drawAddresses = (drawing: AccountDrawing, changes: AddressChangesView): Markup =>
  html`${(['email', 'sms'] as const).map((channel) => drawChannel(drawing, channel, changes[channel]))}`;

function drawChannel(drawing: AccountDrawing, channel: 'email' | 'sms', change: { readonly to: string } | undefined): Markup {
  const { text, notice } = drawing;
  const field = channel === 'email' ? 'email' : 'phone';
  const invalid = notice?.field === field;
  return html`<h2>${channel === 'email' ? text.changeEmail : text.changePhone}</h2>
    ${change === undefined ? null : post(drawing, 'confirm_address', { channel }, html`
      <p class="hint">${text.codeSentTo(change.to)}</p>
      ${input({ name: `code-${channel}`, type: 'text', required: true, autocomplete: 'one-time-code', inputMode: 'numeric', maxLength: 12 }, text.fields['code'] ?? 'code')}
      <button type="submit">${text.continue}</button>`)}
    ${post(drawing, 'change_address', { channel }, html`
      ${input({ name: field, type: channel === 'email' ? 'email' : 'tel', required: true, autocomplete: channel === 'email' ? 'email' : 'tel', maxLength: channel === 'email' ? 254 : 20 }, text.fields[field] ?? field, { invalid, describedBy: invalid ? 'problems' : undefined })}
      <button type="submit" class="second">${text.sendCode}</button>`)}`;
}
