import { type Draw, who } from '../drawing.ts';
import { html } from '../html.ts';
import { drawMethods } from '../methods/index.ts';

export const enrolFactor: Draw<'enrol_factor'> = (drawing, { methods, reason, skipUntil }) => {
  const { text, locale } = drawing;
  const words = { required: [text.enrolTitle, text.enrolRequired], chosen: [text.enrolTitle, text.enrolChosen], recovery_codes: [text.enrolCodes, text.enrolCodesText] } as const;
  const [title, lead] = words[reason];
  const until = skipUntil === undefined ? undefined : new Intl.DateTimeFormat(locale, { dateStyle: 'long', timeZone: 'UTC' }).format(new Date(skipUntil));
  return {
    title,
    lead: html`<p class="lead">${lead}${until === undefined ? null : ` ${text.skipUntil(until)}`}</p>`,
    body: html`${who(drawing)}${drawMethods(drawing, methods, undefined)}`,
  };
};
