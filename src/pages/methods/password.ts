import { describedBy, type DrawMethod, rememberBox, userNameField } from '../drawing.ts';
import { form, input, revealBox } from '../form.ts';
import { html } from '../html.ts';

export const password: DrawMethod = (drawing, method, { isFirst, remember }) => {
  const { view, text, action, hidden } = drawing;
  return form(action, hidden(method.do), html`
    ${method.fields.map((field) => html`
    ${userNameField(view.identifier)}
    ${input(field, text.password, { autofocus: isFirst, invalid: view.notices.length > 0, describedBy: describedBy(view) })}
    ${revealBox(field.name, text)}`)}
    ${rememberBox(drawing, remember)}
    <button type="submit">${text.signIn}</button>`);
};
