import { type Draw, who } from '../drawing.ts';
import { html } from '../html.ts';
import { drawMethods } from '../methods/index.ts';

export const enrolFactor: Draw<'enrol_factor'> = (drawing, { methods }) => ({
  title: drawing.text.secondFactor,
  lead: null,
  body: html`${who(drawing)}${drawMethods(drawing, methods, undefined)}`,
});
