/** The frame around every page, and the policy that the browser enforces on it. */
import type { InstanceContext } from '../tenancy/index.ts';
import { html, type Markup, renderDocument } from './html.ts';
import { type Locale, texts } from './locale.ts';
import { script, stylesheet } from './stylesheets.ts';

export interface DocumentOptions {
  context: InstanceContext;
  locale: Locale;
  title: string;
  body: Markup;
  /** Shown above everything: what the operator should know. */
  hint?: Markup;
  /** For pages with more than a form. */
  wide?: boolean;
  /** Where the language switch leads; undefined: no switch (pages that answer a POST). */
  languageSwitch?: string | undefined;
  /** Origins or schemes that a form may lead to besides our own: browsers check redirects too. */
  formTargets?: readonly string[];
}

export interface RenderedPage { readonly html: string; readonly headers: Readonly<Record<string, string>> }

/** Renders a page with its headers: never stored, never framed, own files only. */
export function renderFrame(options: DocumentOptions): RenderedPage {
  const { context, locale, title, body, hint, wide, languageSwitch, formTargets = [] } = options;
  const { instance } = context;
  const { branding } = instance;
  const text = texts[locale];
  const assets = `${instance.issuer}/assets`;
  const name = branding.displayName ?? instance.name;
  const other: Locale = locale === 'en' ? 'zh-CN' : 'en';
  const document = html`
    <html lang=${locale} class=${branding.font}>
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="robots" content="noindex" />
        <title>${`${title} · ${name}`}</title>
        <link rel="icon" href="data:," />
        <link rel="stylesheet" href=${`${assets}/${stylesheet.name}`} />
        <link rel="stylesheet" href=${`${assets}/brand-${branding.primaryColour.slice(1).toLowerCase()}.css`} />
        <script src=${`${assets}/${script.name}`} defer></script>
      </head>
      <body>
        <a class="skip" href="#main">${text.skipToContent}</a>
        ${hint ?? null}
        <main id="main" class=${wide ? 'wide' : undefined}>
          <div class="brand">
            ${branding.logoHash === null
    ? html`<span class="mark" aria-hidden="true">${name.slice(0, 1).toUpperCase()}</span><span>${name}</span>`
    : html`<img src=${`${assets}/images/${branding.logoHash}.png`} alt=${name} />`}
          </div>
          ${body}
        </main>
        <footer>
          <span class="asks" title=${instance.issuer}>${instance.name} · ${instance.issuer.replace(/^https?:\/\//, '')}</span>
          <nav aria-label="Links">
            ${link(branding.supportLink, text.help)}${link(branding.privacyLink, text.privacy)}${link(branding.termsLink, text.terms)}
            ${languageSwitch === undefined ? null : html`<a href=${`${languageSwitch}?language=${other}`} lang=${other} hreflang=${other} rel="nofollow">${text.otherLanguage}</a>`}
          </nav>
        </footer>
      </body>
    </html>`;
  return { html: renderDocument(document), headers: pageHeaders(context, formTargets) };
}

const link = (address: string | null, words: string) => (address === null ? null : html`<a href=${address} rel="noopener noreferrer" target="_blank">${words}</a>`);

function pageHeaders(context: InstanceContext, formTargets: readonly string[]): Record<string, string> {
  const policy = [
    "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data:", "connect-src 'none'", "base-uri 'none'",
    `form-action 'self'${formTargets.map((target) => ` ${target}`).join('')}`,
    "frame-ancestors 'none'", "worker-src 'none'", "require-trusted-types-for 'script'", "trusted-types 'none'",
  ].join('; ');
  // On a shared origin an opener could script our window: the opener is cut off. With a host of its own, pop-up
  // sign-in keeps working.
  const sharedOrigin = new URL(context.instance.issuer).pathname !== '/';
  return {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': policy,
    'cache-control': 'no-store',
    ...(sharedOrigin && { 'cross-origin-opener-policy': 'noopener-allow-popups' }),
    vary: 'Accept-Language, Cookie',
  };
}

/** What `form-action` must allow for an application's addresses: origins of web addresses, schemes of native ones. */
export function formTargetsOf(addresses: readonly string[]): string[] {
  const targets = addresses.flatMap((address) => {
    if (!URL.canParse(address)) return [];
    const url = new URL(address);
    if (url.protocol !== 'http:' && url.protocol !== 'https:') return [url.protocol];
    // A native application listens on any port of the loopback interface (RFC 8252 §7.3).
    return /^(127\.0\.0\.1|\[::1\]|localhost)$/.test(url.hostname) ? [`http://${url.hostname}:*`] : [url.origin];
  });
  return [...new Set(targets)].slice(0, 50);
}
