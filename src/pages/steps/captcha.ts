import type { Draw } from '../drawing.ts';
import { form } from '../form.ts';
import { html } from '../html.ts';

/** The script works the answer out and sends the form; without it the page says how long to wait. */
export const captcha: Draw<'captcha'> = (drawing, step) => {
  const { text, action, hidden } = drawing;
  return {
    title: text.captchaTitle,
    lead: html`<p class="lead">${text.captchaText}</p>`,
    body: form(action, { ...hidden('captcha'), challenge: step.challenge, solution: '' }, html`
      <p class="hint" role="status" data-work=${step.difficulty} hidden>${text.captchaWorking}</p>
      <p>${step.waitSeconds === 0 ? text.captchaNeedsScript : text.captchaWait(step.waitSeconds)}</p>
      <button type="submit">${text.continue}</button>`),
  };
};
