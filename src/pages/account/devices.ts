import type { OwnDevice, OwnSession } from '../../authentication/index.ts';
import { html, type Markup } from '../html.ts';
import { type AccountDrawing, day, nothing, post, smallButton, time } from './drawing.ts';

export function drawDevices(drawing: AccountDrawing, { sessions, remembered }: { sessions: readonly OwnSession[]; remembered: readonly OwnDevice[] }): Markup {
  const { text, locale } = drawing;
  const nameOf = (name: string) => (name === '' ? text.devicesUnknown : name);
  const thisOne = (isThis: boolean) => (isThis ? html` <b class="new">${text.accountThis}</b>` : null);
  return html`
    <h2>${text.devicesSessions}</h2>
    <ul class="rows">${sessions.map((session) => html`<li>
      <span>${nameOf(session.name)}${thisOne(session.isThis)}<small>${[session.address, text.accountLastUsed(time(locale, session.lastSeenAt))].filter(Boolean).join(' · ')}</small></span>
      ${session.isThis ? null : post(drawing, 'end', { session: session.id }, smallButton(text.devicesEnd, nameOf(session.name)))}</li>`)}</ul>
    ${sessions.length < 2 ? null : post(drawing, 'end_others', {}, html`<button type="submit" class="second">${text.devicesEndOthers}</button>`)}
    <h2>${text.devicesRemembered}</h2>
    ${remembered.length === 0 ? nothing(drawing) : html`<ul class="rows">${remembered.map((device) => html`<li>
      <span>${nameOf(device.name)}${thisOne(device.isThis)}<small>${[device.address, text.accountUntil(day(locale, device.expiresAt))].filter(Boolean).join(' · ')}</small></span>
      ${post(drawing, 'forget', { device: device.id }, smallButton(text.devicesForget, nameOf(device.name)))}</li>`)}</ul>
    ${remembered.length < 2 ? null : post(drawing, 'forget', {}, html`<button type="submit" class="second">${text.devicesForgetAll}</button>`)}`}`;
}
