/** The page that needs nothing: no instance, no database, no further file. For when just that is what is missing. */
import { html, renderDocument } from './html.ts';
import type { RenderedPage } from './document.ts';
import { preferredLocale, texts } from './locale.ts';

/** Says why a page cannot be shown. `detail` is what the caller may know of it. */
export function renderPlainError(headers: { cookie?: string | undefined; 'accept-language'?: string | undefined }, { detail, requestId }: { detail: string; requestId: string }): RenderedPage {
  const locale = preferredLocale(headers) ?? 'en';
  const text = texts[locale];
  const document = html`
    <html lang=${locale}>
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="robots" content="noindex" />
        <meta name="color-scheme" content="light dark" />
        <title>${text.errorTitle}</title>
        <link rel="icon" href="data:," />
      </head>
      <body>
        <main>
          <h1>${text.errorTitle}</h1>
          <p>${detail}</p>
          <p><small>${text.errorRequestId}: ${requestId}</small></p>
        </main>
      </body>
    </html>`;
  return {
    html: renderDocument(document),
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
      'cache-control': 'no-store',
      vary: 'Accept-Language, Cookie',
    },
  };
}
