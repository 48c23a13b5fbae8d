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
const automatic = document.querySelector('form[data-submit-now]');
if (automatic) automatic.requestSubmit();
