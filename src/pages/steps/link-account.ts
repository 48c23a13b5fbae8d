import { type Draw } from '../drawing.ts';
import { form } from '../form.ts';
import { html } from '../html.ts';
import { drawMethods } from '../methods/index.ts';

/** The first time of somebody from outside, or the choice of a source to be connected with. */
export const linkAccount: Draw<'link_account'> = (drawing, step) => {
  const { text, action, hidden } = drawing;
  const { sourceName, displayName, choices, methods } = step;
  if (sourceName === undefined) return { title: text.connectTitle, lead: html`<p class="lead">${text.connectText}</p>`, body: drawMethods(drawing, methods, undefined) };
  const words = { existing: text.linkExisting, create: text.linkCreate };
  return {
    title: text.linkTitle(sourceName),
    lead: html`<p class="lead">${text.linkText(displayName ?? sourceName)}</p>`,
    body: html`${choices.map((choice, index) => form(action, { ...hidden('link_account'), choice }, html`<button type="submit" class=${index === 0 ? undefined : 'second'}>${words[choice]}</button>`))}`,
  };
};
