/** The pages, in plain HTML. */
import { createHash } from 'node:crypto';
import type { SignedIn } from './visitors.ts';

const style = `
  :root { color-scheme: light dark; --line: #d5dae3; --soft: #59637a; --accent: #0b5fff; --card: #fff; --back: #f3f5f9 }
  @media (prefers-color-scheme: dark) { :root { --line: #343b49; --soft: #a5afc2; --accent: #7aa7ff; --card: #1b1f28; --back: #11141a } }
  * { box-sizing: border-box }
  body { margin: 0; padding: 6vh 1rem 3rem; font: 16px/1.5 system-ui, sans-serif; background: var(--back) }
  main { max-width: 42rem; margin: auto; padding: 2rem; background: var(--card); border: 1px solid var(--line); border-radius: 14px }
  h1 { margin: 0 0 .5rem; font-size: 1.5rem } h2 { margin: 2rem 0 .5rem; font-size: 1rem }
  p { margin: 0 0 1.2rem; color: var(--soft) }
  table { width: 100%; border-collapse: collapse; font-size: .92rem }
  th, td { padding: .5rem .6rem; text-align: left; vertical-align: top; border-top: 1px solid var(--line); overflow-wrap: anywhere }
  th { width: 13rem; font-weight: 600 } code { font-size: .9em }
  .actions { display: flex; flex-wrap: wrap; gap: .7rem; margin-top: 1.5rem } form { margin: 0 }
  button, .button { display: inline-block; padding: .6rem 1.2rem; border: 1px solid var(--accent); border-radius: 9px; background: none; color: var(--accent); font: inherit; text-decoration: none; cursor: pointer }
  .first { background: var(--accent); color: var(--card) }
  :focus-visible { outline: 3px solid var(--accent); outline-offset: 2px }
  @media (max-width: 30rem) { main { padding: 1.3rem } th, td { display: block; width: auto; border: 0; padding: .1rem 0 } tr { display: block; padding: .5rem 0; border-top: 1px solid var(--line) } }`;

/** For the Content-Security-Policy: nothing but this style sheet and our own forms. */
export const styleHash = `'sha256-${createHash('sha256').update(style).digest('base64')}'`;

export function signedOutPage(issuer: string, notice?: string): string {
  return page('Sample application', `
    <h1>Sample application</h1>
    ${notice ? `<p role="status"><strong>${escape(notice)}</strong></p>` : ''}
    <p>This is an application of its own. It leaves signing in to <code>${escape(issuer)}</code> and never sees a password.</p>
    <div class="actions"><a class="button first" href="/sign-in">Sign in</a></div>`);
}

export function signedInPage(issuer: string, { claims, refreshToken, accessTokenEndsAt, refreshed }: SignedIn): string {
  const name = text(claims['name'] ?? claims['preferred_username'] ?? claims['sub']);
  return page(`Hello, ${name}`, `
    <h1>Hello, ${escape(name)}</h1>
    <p>You are signed in. <code>${escape(issuer)}</code> vouches for this with a signed ID token, which was verified: signature, issuer, audience, expiry and nonce.</p>
    <h2>Verified claims</h2>
    <table>${Object.entries(claims).map(([claim, value]) => `<tr><th scope="row">${escape(claim)}</th><td>${escape(display(claim, value))}</td></tr>`).join('')}</table>
    <h2>Tokens</h2>
    <table>
      <tr><th scope="row">Access token</th><td>${accessTokenEndsAt ? `ends at ${escape(accessTokenEndsAt.toISOString())}` : 'has no stated end'}${refreshed > 0 ? `; refreshed ${refreshed} ${refreshed === 1 ? 'time' : 'times'}` : ''}</td></tr>
      <tr><th scope="row">Refresh token</th><td>${refreshToken ? 'kept on the server of this application; a new one at each use' : 'none was given'}</td></tr>
    </table>
    <div class="actions">
      ${refreshToken ? '<form method="post" action="/refresh"><button class="first">Refresh the tokens</button></form>' : ''}
      <form method="post" action="/sign-out"><button>Sign out</button></form>
    </div>`);
}

export function problemPage(title: string, detail: string): string {
  return page(title, `<h1>${escape(title)}</h1><p>${escape(detail)}</p><div class="actions"><a class="button first" href="/">Back to the start</a></div>`);
}

function page(title: string, body: string): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${escape(title)}</title><style>${style}</style></head>
<body><main>${body}</main></body></html>\n`;
}

/** Times are seconds since 1970 in a token (RFC 7519 §2). */
function display(claim: string, value: unknown): string {
  return typeof value === 'number' && ['exp', 'iat', 'auth_time', 'nbf', 'updated_at'].includes(claim)
    ? `${value} (${new Date(value * 1000).toISOString()})` : text(value);
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value) ?? '';
}

function escape(value: string): string {
  return value.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
