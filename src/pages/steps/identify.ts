import { applicationLine, describedBy, type Draw } from '../drawing.ts';
import { form, input } from '../form.ts';
import { html } from '../html.ts';
import { drawMethods } from '../methods/index.ts';

export const identify: Draw<'identify'> = (drawing, step) => {
  const { view, text, action, hidden } = drawing;
  // Browsers offer passkeys in a field whose autocomplete ends in webauthn (HTML §4.10.18.7).
  const [field] = step.fields.map((given) => (step.methods.some(({ method }) => method === 'webauthn') ? { ...given, autocomplete: 'username webauthn' } : given));
  const choosing = step.accounts.length > 0;
  const ask = field === undefined ? null : form(action, hidden('identify'), html`
    ${input(field, text.identifier, { autofocus: !choosing && view.notices.length === 0, invalid: view.notices.length > 0, describedBy: describedBy(view) })}
    <button type="submit">${text.next}</button>`);
  const others = drawMethods(drawing, step.methods, undefined);
  if (!choosing) return { title: text.signIn, lead: applicationLine(drawing), body: html`${ask}${others}` };
  return {
    title: text.chooseAccount,
    lead: applicationLine(drawing),
    body: html`${form(action, hidden('choose_account'), html`
      <fieldset>
        <legend class="skip">${text.chooseAccount}</legend>
        ${step.accounts.map((choice, index) => html`<label class="choice">
          <input type="radio" name="account" value=${choice.account} required checked=${index === 0} />
          <span>${choice.displayName}<small>${choice.username}${choice.signedIn ? ` · ${text.signedInHere}` : ''}</small></span>
        </label>`)}
      </fieldset>
      <button type="submit">${text.continue}</button>`)}
      <p class="hint">${text.anotherAccount}</p>${ask}${others}`,
  };
};
