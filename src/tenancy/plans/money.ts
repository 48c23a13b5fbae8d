/**
 * Prices and amounts as whole numbers: a price is a decimal of up to nine places, an amount a number of the currency's
 * smallest units (cents, yen). No floating-point number takes part.
 */
const pricePlaces = 9;

export const pricePattern = /^\d{1,9}(\.\d{1,9})?$/;

/** Of every currency that this runtime knows (ISO 4217). */
export const isCurrency = (code: string): boolean => Intl.supportedValuesOf('currency').includes(code);

/** How many decimals an amount has: 2 for USD, 0 for JPY, 3 for KWD. */
export function decimalsOf(currency: string): number {
  return new Intl.NumberFormat('en', { style: 'currency', currency }).resolvedOptions().maximumFractionDigits ?? 2;
}

/** What `units` cost at `price` each, in the smallest units of the currency; half of one is rounded up. */
export function amountOf(units: bigint, price: string, currency: string): bigint {
  const exact = units * fromDecimal(price, pricePlaces);
  const divisor = 10n ** BigInt(pricePlaces - decimalsOf(currency));
  return (exact + divisor / 2n) / divisor;
}

/** Such as `12.30`; never negative. */
export function formatAmount(amount: bigint, currency: string): string {
  const decimals = decimalsOf(currency);
  const digits = amount.toString().padStart(decimals + 1, '0');
  return decimals === 0 ? digits : `${digits.slice(0, -decimals)}.${digits.slice(-decimals)}`;
}

function fromDecimal(text: string, places: number): bigint {
  const [whole = '', fraction = ''] = text.split('.');
  if (!pricePattern.test(text) || fraction.length > places) throw new RangeError(`"${text}" is not a price`);
  return BigInt(whole + fraction.padEnd(places, '0'));
}
