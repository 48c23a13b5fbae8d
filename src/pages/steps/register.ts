import { applicationLine, type Draw } from '../drawing.ts';
import { drawFields } from '../fields.ts';
import { form } from '../form.ts';
import { html } from '../html.ts';

export const register: Draw<'register'> = (drawing, { fields, policy }) => ({
  title: drawing.text.registerTitle,
  lead: applicationLine(drawing),
  body: form(drawing.action, drawing.hidden('register'), html`
    ${drawFields(drawing, fields, policy.minimumLength)}
    <button type="submit">${drawing.text.continue}</button>`),
});
