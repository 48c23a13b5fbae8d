import { describedBy, type Draw, userNameField } from '../drawing.ts';
import { form, input, revealBox } from '../form.ts';
import { html } from '../html.ts';

export const changePassword: Draw<'change_password'> = ({ view, text, action, hidden }, step) => {
  const words: Record<typeof step.reason, readonly [string, string]> = {
    setup: [text.setUpTitle, text.setUpText(view.account?.username ?? '')],
    required: [text.changeRequired, text.changeRequiredText],
    expired: [text.changeExpired, text.changeExpiredText],
    chosen: [text.changeChosen, text.changeChosenText],
    recovery: [text.changeRequired, text.changeRecoveryText(view.account?.username ?? '')],
  };
  const [title, lead] = words[step.reason];
  const { minimumLength, historyCount } = step.policy;
  return {
    title,
    lead: html`<p class="lead">${lead}</p>`,
    body: form(action, hidden('change_password'), html`
      ${userNameField(view.account?.username)}
      ${step.fields.map((field) => html`
        ${input(field, text.newPassword, { autofocus: view.notices.length === 0, invalid: view.notices.length > 0, describedBy: ['rules', describedBy(view)].filter(Boolean).join(' ') })}
        <p class="hint" id="rules">${text.passwordRules(minimumLength)}${step.reason !== 'setup' && historyCount > 0 ? ` ${text.passwordHistory(historyCount)}` : ''}</p>
        ${revealBox(field.name, text)}`)}
      <button type="submit">${text.savePassword}</button>`),
  };
};
