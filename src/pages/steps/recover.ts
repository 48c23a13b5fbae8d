import { applicationLine, type Draw } from '../drawing.ts';
import { drawFields } from '../fields.ts';
import { form } from '../form.ts';
import { html } from '../html.ts';

/** The same whoever was named. */
export const recover: Draw<'recover'> = (drawing, { channels, sent, fields }) => {
  const { view, text, action, hidden } = drawing;
  if (sent) {
    return {
      title: sent.channel === 'email' ? text.lookAtMailbox : text.lookAtPhone,
      lead: html`<p class="lead">${sent.channel === 'email' ? text.recoverySentMail(view.identifier ?? '') : text.recoverySentText(view.identifier ?? '')}</p>`,
      body: html`
        ${form(action, hidden('verify_recovery'), html`${drawFields(drawing, fields)}<button type="submit">${text.continue}</button>`)}
        ${form(action, hidden('recover'), html`<button type="submit" class="link">${text.sendCodeAgain}</button>`)}`,
    };
  }
  const words = { email: text.byMail, sms: text.byText };
  return {
    title: text.recoverTitle,
    lead: html`${applicationLine(drawing)}<p class="lead">${text.recoverText}</p>`,
    body: form(action, hidden('recover'), html`
      ${drawFields(drawing, fields)}
      ${channels.length < 2 ? null : html`<fieldset><legend>${text.recoverBy}</legend>
        ${channels.map((channel, index) => html`<label class="choice"><input type="radio" name="channel" value=${channel} checked=${index === 0} /><span>${words[channel]}</span></label>`)}
      </fieldset>`}
      <button type="submit">${text.sendCode}</button>`),
  };
};
