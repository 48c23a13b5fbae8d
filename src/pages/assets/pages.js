// Comfort only: every page works without this file.
'use strict';
for (const form of document.querySelectorAll('form')) {
  form.addEventListener('submit', (event) => {
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = 'yes';
    for (const button of form.querySelectorAll('button')) button.setAttribute('aria-disabled', 'true');
  });
}
// Back brings a page out of the browser's cache with its forms marked as sent.
addEventListener('pageshow', (event) => { if (event.persisted) location.reload(); });

for (const box of document.querySelectorAll('[data-reveals]')) {
  box.hidden = false;
  const input = box.querySelector('input');
  const target = document.getElementById(box.dataset.reveals);
  input.addEventListener('change', () => { target.type = input.checked ? 'text' : 'password'; });
  target.form.addEventListener('submit', () => { target.type = 'password'; });
}
// A captcha: the number with which SHA-256 of the challenge begins with so many zero bits (authentication/risk/captcha.ts).
const work = document.querySelector('[data-work]');
if (work && window.crypto?.subtle) {
  const { form } = work.nextElementSibling.nextElementSibling;
  const challenge = form.elements.namedItem('challenge').value;
  const bits = Number(work.dataset.work);
  work.hidden = false;
  for (const other of [work.nextElementSibling, work.nextElementSibling.nextElementSibling]) other.hidden = true;
  const solves = async (number) => {
    const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(`${challenge}.${number}`)));
    const first = hash.findIndex((byte) => byte !== 0);
    return first * 8 + Math.clz32(hash[first]) - 24 >= bits;
  };
  (async () => {
    for (let start = 0; ; start += 256) {
      const found = (await Promise.all(Array.from({ length: 256 }, (_, index) => solves(start + index)))).indexOf(true);
      if (found === -1) continue;
      form.elements.namedItem('solution').value = String(start + found);
      return form.requestSubmit();
    }
  })();
}
const automatic = document.querySelector('form[data-submit-now]');
if (automatic) automatic.requestSubmit();
