/** How sending went, in the same few words for every service. */
export type Outcome =
  | { readonly result: 'sent'; readonly vendorId?: string }
  /** throttled, temporary: tried again. invalid_recipient, configuration: the same would happen again. */
  | { readonly result: 'throttled' | 'temporary' | 'invalid_recipient' | 'configuration'; readonly code: string; readonly detail: string };

export const isWorthAnotherTry = ({ result }: Outcome): boolean => result === 'throttled' || result === 'temporary';

/** What a service said, cut to what a log should hold. */
export const failed = (result: Exclude<Outcome['result'], 'sent'>, code: unknown, detail: unknown): Outcome => ({
  result, code: printable(code).slice(0, 100) || 'unknown', detail: printable(detail).slice(0, 300) });

const printable = (value: unknown): string => (typeof value === 'string' || typeof value === 'number' ? String(value).replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ').trim() : '');
