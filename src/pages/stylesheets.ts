/** The style sheet, the script and the brand colours: our own files only, named by their content. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';

export interface Asset { readonly name: string; readonly type: string; readonly body: string }

function load(file: string, type: string): Asset {
  const body = readFileSync(path.join(import.meta.dirname, 'assets', file), 'utf8');
  const hash = createHash('sha256').update(body).digest('hex').slice(0, 12);
  return { name: file.replace('.', `.${hash}.`), type, body };
}

export const stylesheet = load('pages.css', 'text/css; charset=utf-8');
export const script = load('pages.js', 'text/javascript; charset=utf-8');

/**
 * The brand colour as custom properties, made from six hexadecimal digits: nothing a tenant writes reaches a style
 * sheet. Text on it, and the tint used on dark ground, are chosen so that they can be read (WCAG 1.4.3: 4.5 to 1).
 */
export function brandStylesheet(hex: string): string {
  const colour = [hex.slice(0, 2), hex.slice(2, 4), hex.slice(4, 6)].map((pair) => Number.parseInt(pair, 16));
  const text = contrast(colour, [255, 255, 255]) >= 4.5 ? '#ffffff' : '#111111';
  return `:root{--brand:#${hex};--brand-text:${text};--brand-on-dark:${toHex(mixUntil(colour, [255, 255, 255], [23, 27, 33]))}}`
    + `@media(prefers-color-scheme:light){:root{--focus:${toHex(mixUntil(colour, [0, 0, 0], [255, 255, 255]))}}}`;
}

/** Mixes towards `target` until the colour can be read on `ground`. */
function mixUntil(colour: number[], target: number[], ground: number[]): number[] {
  for (let share = 0; share < 1; share += 0.05) {
    const mixed = colour.map((value, index) => Math.round(value + ((target[index] ?? 0) - value) * share));
    if (contrast(mixed, ground) >= 4.6) return mixed;
  }
  return target;
}

/** WCAG 2 contrast ratio. */
export function contrast(left: number[], right: number[]): number {
  const [a, b] = [luminance(left), luminance(right)];
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
}

function luminance(colour: number[]): number {
  const [red = 0, green = 0, blue = 0] = colour.map((value) => {
    const share = value / 255;
    return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

const toHex = (colour: number[]) => `#${colour.map((value) => value.toString(16).padStart(2, '0')).join('')}`;
