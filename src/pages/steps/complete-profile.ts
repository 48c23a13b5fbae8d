import { type Draw, who } from '../drawing.ts';
import { drawFields } from '../fields.ts';
import { form } from '../form.ts';
import { html } from '../html.ts';

export const completeProfile: Draw<'complete_profile'> = (drawing, { fields }) => ({
  title: drawing.text.profileTitle,
  lead: html`<p class="lead">${drawing.text.profileText}</p>`,
  body: html`${who(drawing)}${form(drawing.action, drawing.hidden('complete_profile'), html`
    ${drawFields(drawing, fields)}
    <button type="submit">${drawing.text.continue}</button>`)}`,
});
