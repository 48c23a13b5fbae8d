import { type Draw, who } from '../drawing.ts';
import { form } from '../form.ts';
import { html } from '../html.ts';

export const acceptTerms: Draw<'accept_terms'> = (drawing, { documents }) => {
  const { text, action, hidden, locale } = drawing;
  return {
    title: text.termsTitle,
    lead: html`<p class="lead">${text.termsText}</p>`,
    body: html`${who(drawing)}${form(action, { ...hidden('accept_terms'), locale }, html`
      ${documents.map(({ field, texts }) => {
        const words = texts[locale] ?? texts.en ?? texts['zh-CN'];
        if (words === undefined) return null;
        return html`
          ${words.text === undefined ? null : html`<section class="terms" tabindex="0" aria-label=${words.title}>${words.text.split(/\n{2,}/).map((paragraph) => html`<p>${paragraph}</p>`)}</section>`}
          <label class="check"><input type="checkbox" name=${field} value="true" required />
            <span>${words.link === undefined ? text.termsAccept(words.title) : html`${text.termsAccept('')} <a href=${words.link} target="_blank" rel="noreferrer">${words.title}</a>`}</span></label>`;
      })}
      <button type="submit">${text.continue}</button>`)}`,
  };
};
