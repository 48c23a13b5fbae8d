import { actionButton, type Draw } from '../drawing.ts';
import { drawFields } from '../fields.ts';
import { form } from '../form.ts';
import { html } from '../html.ts';

/** Says where to look, whoever has the address: who has an account already finds another message there. */
export const verifyAddress: Draw<'verify_email' | 'verify_phone'> = (drawing, { name, to, sent, fields }) => {
  const { text, action, hidden } = drawing;
  const isMail = name === 'verify_email';
  return {
    title: sent ? (isMail ? text.lookAtMailbox : text.lookAtPhone) : (isMail ? text.proveMailbox : text.provePhone),
    lead: html`<p class="lead">${sent ? text.codeSentTo(to) : text.sendCodeTo(to)}</p>`,
    body: sent === undefined ? actionButton(drawing, 'send_code', text.sendCode) : html`
      ${form(action, hidden(name), html`${drawFields(drawing, fields)}<button type="submit">${text.continue}</button>`)}
      ${actionButton(drawing, 'send_code', text.sendCodeAgain, 'link')}`,
  };
};
