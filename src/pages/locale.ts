/** Which language a page is in: what the application asked for, what the person chose, what the browser prefers. */
import { readCookie, writeCookie } from '../core/http/cookies.ts';
import type { InstanceContext } from '../tenancy/index.ts';
import { en, type Texts } from './texts/en.ts';
import { zhCn } from './texts/zh-cn.ts';

export type Locale = 'en' | 'zh-CN';
export const texts: Readonly<Record<Locale, Texts>> = { en, 'zh-CN': zhCn };
const cookie = 'postern_language';

/** `asked` is ui_locales (OpenID Connect Core §3.1.2.1): space-separated, in order of preference. A choice made here wins. */
export function chooseLocale(context: InstanceContext, headers: { cookie?: string | undefined; 'accept-language'?: string | undefined }, asked?: string): Locale {
  return preferredLocale(headers, asked) ?? context.instance.settings.defaultLocale;
}

/** The same without an instance; undefined when nobody named a language that we have. */
export function preferredLocale(headers: { cookie?: string | undefined; 'accept-language'?: string | undefined }, asked?: string): Locale | undefined {
  const chosen = readCookie(headers.cookie, cookie);
  const candidates = [
    ...(chosen.kind === 'value' ? [chosen.value] : []),
    ...(asked ?? '').split(' '),
    ...preferences(headers['accept-language']),
  ];
  for (const candidate of candidates) {
    const locale = match(candidate);
    if (locale) return locale;
  }
  return undefined;
}

/** The Set-Cookie value that keeps a choice for a year; undefined for a language that we do not have. */
export function rememberLocale(language: string, secure: boolean): string | undefined {
  const locale = match(language);
  return locale && writeCookie(cookie, locale, { secure, maxAge: 31_536_000 });
}

/** Accept-Language in order of quality (RFC 9110 §12.5.4). */
function preferences(header = ''): string[] {
  return header.slice(0, 500).split(',')
    .map((item) => {
      const [tag = '', ...parameters] = item.trim().split(';');
      const quality = parameters.map((parameter) => /^\s*q=([\d.]+)$/.exec(parameter)?.[1]).find((value) => value !== undefined);
      return { tag, quality: quality === undefined ? 1 : Number(quality) };
    })
    .filter(({ quality }) => quality > 0)
    .sort((left, right) => right.quality - left.quality)
    .map(({ tag }) => tag);
}

function match(tag: string): Locale | undefined {
  const language = tag.trim().toLowerCase();
  if (language === 'en' || language.startsWith('en-')) return 'en';
  if (language === 'zh' || language.startsWith('zh-')) return 'zh-CN';
  return undefined;
}
