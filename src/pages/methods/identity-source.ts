/** A button for each source outside, with its logo where it has one. */
import type { DrawMethod } from '../drawing.ts';
import { form } from '../form.ts';
import { html } from '../html.ts';

export const identitySource: DrawMethod = ({ text, action, hidden }, method) => {
  const logo = logoOf(method.data);
  return form(action, { ...hidden(method.do), credentialId: method.credentialId ?? '' }, html`
    <button type="submit" class="second">${logo === undefined ? null : html`<img src=${logo} alt="" width="20" height="20" />`} ${text.continueWith(method.hint ?? '')}</button>`);
};

function logoOf(data: unknown): string | undefined {
  const { logoUrl } = typeof data === 'object' && data !== null && 'logoUrl' in data ? data : { logoUrl: undefined };
  return typeof logoUrl === 'string' ? logoUrl : undefined;
}
