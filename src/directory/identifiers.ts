/**
 * One key for all spellings of a name that a person cannot tell apart, so that no second account can pass for the
 * first: case, compatibility forms (NFKC), invisible characters, the dotless i, trailing dots and spaces, and letters
 * of other scripts that look like Latin ones (Unicode UTS #39, whole-script confusables).
 *
 * Look-alikes inside ASCII (0 and o, 1 and l, rn and m) stay apart: `user1` and `userl` are ordinary neighbours, and
 * the pages show names in a typeface that tells them apart.
 */

/** Letters after case folding, by what they look like in small or capital form (UTS #39 confusables.txt, shortened). */
const lookAlikes = new Map(Object.entries({
  // Cyrillic
  а: 'a', ӑ: 'ă', в: 'b', с: 'c', ԁ: 'd', е: 'e', ѐ: 'è', ё: 'ë', ԍ: 'g', н: 'h', һ: 'h', і: 'i', ї: 'ï', ј: 'j', к: 'k', ӏ: 'l', м: 'm', о: 'o', ӧ: 'ö',
  р: 'p', ԛ: 'q', ѕ: 's', т: 't', ѵ: 'v', ԝ: 'w', х: 'x', у: 'y', ү: 'y', ʏ: 'y', з: '3', ь: 'b', ґ: 'r', г: 'r', ӡ: '3', ә: 'ə', ғ: 'f',
  // Greek
  α: 'a', β: 'b', ϲ: 'c', ε: 'e', η: 'h', ι: 'i', ϳ: 'j', κ: 'k', μ: 'm', ν: 'n', ο: 'o', ρ: 'p', τ: 't', υ: 'y', χ: 'x', ζ: 'z', γ: 'y', ω: 'w', σ: 'o',
  // Armenian
  ա: 'w', ց: 'g', հ: 'h', յ: 'j', ո: 'n', օ: 'o', ք: 'p', զ: 'q', ս: 'u', ւ: 'l', լ: 'l', ե: 't', տ: 's',
  // Latin letters beyond ASCII that pass for plain ones
  ı: 'i', ȷ: 'j', ɩ: 'i', ɑ: 'a', ɡ: 'g', ᴄ: 'c', ᴏ: 'o', ᴠ: 'v', ᴡ: 'w', ᴢ: 'z', ꜱ: 's', ɪ: 'i', ʙ: 'b', ʜ: 'h', ʟ: 'l', ɴ: 'n', ʀ: 'r', ℓ: 'l', ƽ: 's',
  // Punctuation
  '‐': '-', '‑': '-', '‒': '-', '–': '-', '—': '-', '−': '-', '⁃': '-', '﹣': '-', '․': '.', '。': '.', '٠': '.', '᎐': '.', '·': '.', '’': "'", '‘': "'", '＇': "'", 'ʼ': "'", 'ʹ': "'",
}));

/**
 * The key under which a username or e-mail address is unique and found. Takes any text, also ill-formed; never throws.
 * Idempotent: a key folds to itself.
 */
export function foldIdentifier(identifier: string): string {
  // The lunate sigma looks like a c; NFKC would make an ordinary sigma of it.
  const folded = foldCase(withoutInvisible(identifier.toWellFormed().replace(/[ϲϹ]/gu, 'c').normalize('NFKC')));
  const skeleton = [...folded].map((character) => lookAlikes.get(character) ?? character).join('');
  return skeleton.normalize('NFKC').replace(/[\s.]+$/u, '').replace(/^\s+/u, '');
}

/** Control, format and default-ignorable characters draw nothing. */
function withoutInvisible(value: string): string {
  return value.replace(/[\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}]/gu, '');
}

/**
 * By way of small letters to capitals, so that what differs only in small form meets (ſ and s, ς and σ, ß, ẞ and ss). The dot that a
 * capital İ leaves behind its i goes, as does one put there by hand.
 */
function foldCase(value: string): string {
  return value.toLowerCase().toUpperCase().toLowerCase().replaceAll('ς', 'σ').replace(/(?<=[ij])\u0307/gu, '').normalize('NFKC');
}

/** A telephone number as it is stored, E.164; undefined when the text is none. */
export function foldPhone(typed: string): string | undefined {
  const digits = typed.replace(/[\s().-]/g, '');
  return /^\+[1-9]\d{6,14}$/.test(digits) ? digits : undefined;
}

const scripts = ['Latin', 'Cyrillic', 'Greek', 'Armenian', 'Cherokee', 'Coptic', 'Georgian'] as const;
const patterns = scripts.map((script) => new RegExp(`\\p{Script=${script}}`, 'u'));

/** Whether letters of alphabets that share shapes are mixed (UTS #39 §5.2): no honest name needs that. */
export function mixesAlphabets(identifier: string): boolean {
  return patterns.filter((pattern) => pattern.test(identifier.normalize('NFKC'))).length > 1;
}
