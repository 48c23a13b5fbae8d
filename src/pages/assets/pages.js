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
// Passkeys (WebAuthn Level 3). JSON in both directions by the browser where it can, else by hand.
const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, '+').replace(/_/g, '/')), (letter) => letter.charCodeAt(0));
const base64url = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
const withBytes = (list) => list?.map((each) => ({ ...each, id: bytes(each.id) }));
const parsePasskeyOptions = (kind, options) => {
  const native = kind === 'create' ? PublicKeyCredential.parseCreationOptionsFromJSON : PublicKeyCredential.parseRequestOptionsFromJSON;
  if (native) return native.call(PublicKeyCredential, options);
  const parsed = { ...options, challenge: bytes(options.challenge) };
  if (options.user) parsed.user = { ...options.user, id: bytes(options.user.id) };
  if (options.allowCredentials) parsed.allowCredentials = withBytes(options.allowCredentials);
  if (options.excludeCredentials) parsed.excludeCredentials = withBytes(options.excludeCredentials);
  return parsed;
};
const passkeyJson = (credential) => {
  if (credential.toJSON) return credential.toJSON();
  const response = {};
  for (const name of ['clientDataJSON', 'authenticatorData', 'signature', 'userHandle', 'attestationObject']) {
    if (credential.response[name]) response[name] = base64url(credential.response[name]);
  }
  if (credential.response.getTransports) response.transports = credential.response.getTransports();
  return { id: credential.id, rawId: base64url(credential.rawId), type: credential.type, response };
};
const lastPasskey = 'postern-passkey';
for (const place of window.PublicKeyCredential ? document.querySelectorAll('[data-passkey]') : []) {
  const kind = place.dataset.passkey;
  const options = JSON.parse(place.dataset.options);
  const form = place.querySelector('form');
  let waiting = new AbortController();
  const ask = async (more) => {
    const credential = await navigator.credentials[kind]({ publicKey: parsePasskeyOptions(kind, options), ...more });
    sessionStorage.setItem(lastPasskey, credential.id);
    form.elements.namedItem('credential').value = JSON.stringify(passkeyJson(credential));
    form.submit();
  };
  place.hidden = false;
  // A passkey that is gone here: the browser may stop offering it.
  if (place.dataset.unknown && PublicKeyCredential.signalUnknownCredential && sessionStorage.getItem(lastPasskey)) {
    PublicKeyCredential.signalUnknownCredential({ rpId: options.rpId, credentialId: sessionStorage.getItem(lastPasskey) }).catch(() => {});
  }
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    waiting.abort();
    waiting = new AbortController();
    try {
      await ask({ signal: waiting.signal });
    } catch {
      delete form.dataset.sent;
      form.querySelector('[role=status]').hidden = false;
      for (const button of form.querySelectorAll('button')) button.removeAttribute('aria-disabled');
    }
  });
  if (place.dataset.autofill && PublicKeyCredential.isConditionalMediationAvailable) {
    PublicKeyCredential.isConditionalMediationAvailable().then((can) => can && ask({ mediation: 'conditional', signal: waiting.signal })).catch(() => {});
  }
}
const automatic = document.querySelector('form[data-submit-now]');
if (automatic) automatic.requestSubmit();
