/** A browser without script: cookies by name, path and age, redirects one by one, forms as they are drawn. */
import { request as httpRequest } from 'node:http';

export interface Page {
  readonly url: string;
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

interface Cookie { value: string; path: string; host: string }

export interface Form {
  readonly action: string;
  readonly fields: Record<string, string>;
  /** Buttons with a name, as `name=value`. */
  readonly buttons: readonly string[];
}

export interface Browser {
  readonly cookies: Map<string, Cookie>;
  /** One request, with the cookies of its address; Set-Cookie is taken over, redirects are not followed. */
  request(url: string, init?: { method?: string; body?: URLSearchParams; headers?: Record<string, string> }): Promise<Page>;
  /** A navigation: follows redirects as long as they stay on our origin; stops at the first other address, with its `location` as url. */
  open(url: string, init?: { method?: string; body?: URLSearchParams; headers?: Record<string, string> }): Promise<Page>;
  /** Fills in the page's form that has the first of these fields, or the first form, and posts it. */
  submit(page: Page, fields: Record<string, string>): Promise<Page>;
}

/** Creates a browser with an empty jar that lives on the given origin. */
export function createBrowser(origin: string): Browser {
  const cookies = new Map<string, Cookie>();

  function cookieHeader(url: URL): string {
    return [...cookies].filter(([, cookie]) => cookie.host === url.host && (url.pathname === cookie.path || url.pathname.startsWith(cookie.path.endsWith('/') ? cookie.path : `${cookie.path}/`)))
      .map(([name, cookie]) => `${name.split(' ')[0] ?? ''}=${cookie.value}`).join('; ');
  }

  function store(url: URL, headers: Headers): void {
    for (const line of headers.getSetCookie()) {
      const [pair = '', ...attributes] = line.split('; ');
      const name = pair.slice(0, pair.indexOf('='));
      const path = attributes.find((attribute) => /^path=/i.test(attribute))?.slice(5) ?? '/';
      const ended = attributes.some((attribute) => /^max-age=0$/i.test(attribute) || (/^expires=/i.test(attribute) && Date.parse(attribute.slice(8)) <= Date.now()));
      const key = path === '/' ? name : `${name} ${path}`;
      if (ended) cookies.delete(key);
      else cookies.set(key, { value: pair.slice(name.length + 1), path, host: url.host });
    }
  }

  const browser: Browser = {
    cookies,
    async request(address, init = {}) {
      const url = new URL(address);
      const cookie = cookieHeader(url);
      const page = await send(url, init.method ?? 'GET', init.body?.toString(), {
        ...(cookie !== '' && { cookie }), accept: 'text/html', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document',
        ...(init.body && { 'content-type': 'application/x-www-form-urlencoded' }), ...init.headers,
      });
      store(url, page.headers);
      return page;
    },
    async open(address, init = {}) {
      let page = await browser.request(address, init);
      for (let hops = 0; hops < 15; hops += 1) {
        const location = page.headers.get('location');
        if (location === null || page.status < 300 || page.status > 399) return page;
        const next = new URL(location, page.url);
        if (next.origin !== origin) return { ...page, url: next.href };
        page = await browser.request(next.href);
      }
      throw new Error(`redirects without end, last ${page.url}`);
    },
    async submit(page, fields) {
      const { action, fields: hidden } = formOf(page, Object.keys(fields)[0]);
      return browser.open(new URL(action, page.url).href, {
        method: 'POST', body: new URLSearchParams({ ...hidden, ...fields }), headers: { origin, 'sec-fetch-site': 'same-origin' } });
    },
  };
  return browser;
}

/** Not by fetch: that writes its own Fetch Metadata, as a script in a page would. */
function send(url: URL, method: string, body: string | undefined, headers: Record<string, string>): Promise<Page> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(url, { method, headers, agent: false }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('error', reject);
      answer.on('end', () => {
        const received = new Headers();
        for (let index = 0; index < answer.rawHeaders.length; index += 2) received.append(answer.rawHeaders[index] ?? '', answer.rawHeaders[index + 1] ?? '');
        resolve({ url: url.href, status: answer.statusCode ?? 0, headers: received, text: Buffer.concat(chunks).toString('utf8') });
      });
    });
    request.on('error', reject);
    request.end(body);
  });
}

/** The form of a page that has the field, or its first one, with its hidden fields. */
export function formOf(page: Page, field?: string): Form {
  const forms = [...page.text.matchAll(/<form[^>]*method="post"[^>]*>([\s\S]*?)<\/form>/g)];
  const form = forms.find(([text]) => field !== undefined && text.includes(` name="${field}"`)) ?? forms[0];
  if (!form) throw new Error(`no form on ${page.url} (${page.status}): ${page.text.replace(/<[^>]*>/g, ' ').replace(/\s+/g, ' ').slice(0, 300)}`);
  const action = unescape(/action="([^"]*)"/.exec(form[0])?.[1] ?? page.url);
  const fields: Record<string, string> = {};
  const buttons: string[] = [];
  for (const [input] of (form[1] ?? '').matchAll(/<input[^>]*type="hidden"[^>]*>/g)) {
    const name = /name="([^"]*)"/.exec(input)?.[1];
    if (name !== undefined) fields[unescape(name)] = unescape(/value="([^"]*)"/.exec(input)?.[1] ?? '');
  }
  for (const [button] of (form[1] ?? '').matchAll(/<button[^>]*>/g)) {
    const name = /name="([^"]*)"/.exec(button)?.[1];
    if (name !== undefined) buttons.push(`${name}=${/value="([^"]*)"/.exec(button)?.[1] ?? ''}`);
  }
  return { action, fields, buttons };
}

const unescape = (text: string): string => text.replaceAll('&quot;', '"').replaceAll('&#39;', "'").replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');
