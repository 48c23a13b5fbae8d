import type { SecurityView } from '../../authentication/index.ts';
import { html, type Markup } from '../html.ts';
import { type AccountDrawing, day, nothing, post, smallButton } from './drawing.ts';

export function drawSecurity(drawing: AccountDrawing, { hasPassword, credentials, enrolable, linked, isFresh }: SecurityView): Markup {
  const { text, locale } = drawing;
  return html`
    ${isFresh ? null : html`<p class="hint">${text.accountConfirmHint}</p>`}
    <h2>${text.securityPassword}</h2>
    ${hasPassword ? null : html`<p class="hint">${text.securityNoPassword}</p>`}
    ${post(drawing, 'change_password', {}, html`<button type="submit" class="second">${hasPassword ? text.securityChangePassword : text.securitySetPassword}</button>`)}
    ${enrolable.length === 0 ? null : html`<h2>${text.securityFactors}</h2>
    ${enrolable.map((method) => {
    const kind = text.securityMethods[method] ?? method;
    const own = credentials.filter((credential) => credential.method === method);
    return html`<h3>${kind}</h3>
      ${own.length === 0 ? null : html`<ul class="rows">${own.map((credential) => {
      const name = credential.name === '' ? kind : credential.name;
      return html`<li><span>${name}<small>${text.accountSince(day(locale, credential.createdAt))}${credential.lastUsedAt ? ` · ${text.accountLastUsed(day(locale, credential.lastUsedAt))}` : ''}${credential.detail ? ` · ${credential.detail}` : ''}</small></span>
        <span class="acts">
          ${method === 'recovery_code' ? null : html`<details><summary aria-label=${`${text.securityRename}: ${name}`}>${text.securityRename}</summary>
          ${post(drawing, 'rename', { method, credentialId: credential.id }, html`<input type="text" name="name" aria-label=${`${text.securityName}: ${name}`} value=${name} maxlength="80" required />${smallButton(text.accountSave, name)}`)}</details>`}
          ${post(drawing, 'remove', { method, credentialId: credential.id }, smallButton(text.securityRemove, name))}
        </span></li>`;
    })}</ul>`}
      ${post(drawing, 'enrol', { method }, html`<button type="submit" class="second" aria-label=${`${text.securityAdd}: ${kind}`}>${text.securityAdd}</button>`)}`;
  })}`}
    ${linked.length === 0 ? null : html`<h2>${text.securityLinked}</h2><ul class="rows">
      ${linked.map((account) => html`<li><span>${account.sourceName}${account.displayName === null ? null : html`<small>${account.displayName}</small>`}</span>
        ${account.connectedAt === null
    ? post(drawing, 'connect', { source: account.id }, smallButton(text.securityConnect, account.sourceName))
    : post(drawing, 'disconnect', { source: account.id }, smallButton(text.securityDisconnect, account.sourceName))}</li>`)}
    </ul>`}
    ${enrolable.length === 0 && linked.length === 0 && !hasPassword ? nothing(drawing) : null}`;
}
