import type { Activity } from '../../authentication/index.ts';
import { html, type Markup } from '../html.ts';
import { type AccountDrawing, nothing, post, time } from './drawing.ts';

export function drawActivity(drawing: AccountDrawing, activities: readonly Activity[]): Markup {
  const { text, locale } = drawing;
  if (activities.length === 0) return nothing(drawing);
  return html`<ul class="rows">${activities.map((activity) => html`<li>
    <span>${text.activityEvents[activity.type]}<small>${[`${time(locale, activity.at)} UTC`, activity.address, activity.byOthers ? text.activityOthers : undefined].filter(Boolean).join(' · ')}</small></span></li>`)}</ul>`;
}

export const drawData = (drawing: AccountDrawing): Markup => html`
  <h2>${drawing.text.dataTitle}</h2><p>${drawing.text.dataText}</p><p class="hint">${drawing.text.accountConfirmHint}</p>
  ${post(drawing, 'download', {}, html`<button type="submit">${drawing.text.dataDownload}</button>`)}`;
