import { type Draw, who } from '../drawing.ts';
import { form } from '../form.ts';
import { html } from '../html.ts';

export const consent: Draw<'consent'> = (drawing, step) => {
  const { view, text, action, hidden } = drawing;
  const application = view.application?.name ?? '';
  const fresh = (isNew: boolean) => (isNew ? html`<span class="new">${text.consentNew}</span>` : null);
  return {
    title: text.consentTitle(application),
    lead: null,
    body: html`${who(drawing)}
      <p>${text.consentText}</p>
      <ul class="scopes">
        ${step.scopes.map((scope) => html`<li>${text.scopes[scope.name] ?? html`<code>${scope.name}</code>`}${fresh(scope.isNew)}</li>`)}
        ${step.claims.map((claim) => html`<li><code>${claim}</code></li>`)}
      </ul>
      ${step.resources.map((resource) => html`<p>${text.atApi(resource.name)}</p><ul class="scopes">
        ${resource.scopes.map((scope) => html`<li>${scope.description ?? scope.name}${fresh(scope.isNew)} ${scope.description === undefined ? null : html`<code>${scope.name}</code>`}</li>`)}
      </ul>`)}
      <p class="hint">${text.consentFooter(application)}</p>
      ${form(action, hidden('consent'), html`
        <button type="submit" name="decision" value="allow">${text.allow}</button>
        <button type="submit" name="decision" value="deny" class="second">${text.deny}</button>`)}`,
  };
};
