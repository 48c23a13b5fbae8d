import type { GivenConsent, OpenApplication } from '../../authentication/index.ts';
import { html, type Markup } from '../html.ts';
import { type AccountDrawing, day, nothing, post, smallButton } from './drawing.ts';

export function drawApplications(drawing: AccountDrawing, { open, consents }: { open: readonly OpenApplication[]; consents: readonly GivenConsent[] }): Markup {
  const { text, locale } = drawing;
  return html`
    <h2>${text.applicationsOpen}</h2>
    ${open.length === 0 ? nothing(drawing) : html`<ul class="tiles">${open.map(({ name, url }) => html`<li><a href=${url} rel="noopener noreferrer"><span class="mark" aria-hidden="true">${name.slice(0, 1).toUpperCase()}</span>${name}</a></li>`)}</ul>`}
    <h2>${text.applicationsConsents}</h2>
    ${consents.length === 0 ? nothing(drawing) : html`<ul class="rows">${consents.map(({ applicationId, name, scopes, since }) => html`<li>
      <span>${name}<small>${[...scopes.map((scope) => text.scopes[scope] ?? scope), text.accountSince(day(locale, since))].join(' · ')}</small></span>
      ${post(drawing, 'withdraw', { application: applicationId }, smallButton(text.applicationsWithdraw, name))}</li>`)}</ul>`}`;
}
