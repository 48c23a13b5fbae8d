/**
 * Words with named variables: `{{code}}`, and nothing else. No expressions, loops, includes or markup, so there is
 * nothing to run; what a variable holds is put in once and never read as a template.
 */
import type { FieldError } from '../core/errors.ts';
import type { VariableKind } from './template-list.ts';

type Variables = Readonly<Record<string, VariableKind>>;
export type Values = Readonly<Record<string, string>>;

/** Exactly two braces: `{{{code}}}` means something else elsewhere. */
const variable = /(?<!\{)\{\{([a-zA-Z][a-zA-Z0-9]{0,39})\}\}(?!\})/g;
/** The signs of template languages; where one is left beside our variables, somebody expects more than there is. */
const foreign = /\{\{|\}\}|\{%|%\}|<%|%>|\$\{|#\{/;

/** What is wrong with words; empty when they can be used. */
export function checkWords(field: string, words: string, variables: Variables): FieldError[] {
  const names = [...words.matchAll(variable)].map(([, name = '']) => name);
  const errors = names.filter((name) => !Object.hasOwn(variables, name)).map((name): FieldError => ({
    field, code: 'unknown_variable', detail: `{{${name}}} is no variable of this template; it has ${Object.keys(variables).map((known) => `{{${known}}}`).join(', ')}` }));
  if (foreign.test(words.replace(variable, ''))) {
    errors.push({ field, code: 'invalid', detail: 'only variables such as {{code}} may stand in double braces; there are no expressions, loops or includes' });
  }
  return errors;
}

/** Whether words use a variable. */
export const uses = (words: string, name: string): boolean => words.includes(`{{${name}}}`);

/** Fills words in as plain text. */
export function renderText(words: string, variables: Variables, values: Values): string {
  return words.replace(variable, (_match, name: string) => plainValue(name, variables, values));
}

/** One line, for subjects: no line break can end the header. */
export const renderLine = (words: string, variables: Variables, values: Values): string =>
  renderText(words, variables, values).replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ').trim();

/** The same as HTML that we made ourselves: paragraphs, our own link as a link, everything else as text. */
export function renderHtml(words: string, variables: Variables, values: Values): string {
  return words.split(/\n{2,}/).map((paragraph) => {
    let done = 0;
    let html = '';
    for (const match of paragraph.matchAll(variable)) {
      html += escapeHtml(paragraph.slice(done, match.index)) + htmlValue(match[1] ?? '', variables, values);
      done = match.index + match[0].length;
    }
    return `<p>${(html + escapeHtml(paragraph.slice(done))).replaceAll('\n', '<br>')}</p>`;
  }).join('\n');
}

function htmlValue(name: string, variables: Variables, values: Values): string {
  const value = escapeHtml(plainValue(name, variables, values));
  if (variables[name] === 'link') return `<a href="${value}">${value}</a>`;
  return variables[name] === 'code' ? `<strong style="font-size:1.5em;letter-spacing:.15em">${value}</strong>` : value;
}

function plainValue(name: string, variables: Variables, values: Values): string {
  const value = Object.hasOwn(values, name) ? values[name] : undefined;
  if (value === undefined) throw new Error(`A message has no value for its variable ${name}`);
  return variables[name] === 'text' ? withoutLinks(value) : value;
}

/**
 * What people wrote stays text for mail programs too, which make links of whatever looks like an address: a word
 * joiner (U+2060, draws nothing) after each dot, colon and at sign inside a word. Line breaks become spaces.
 */
function withoutLinks(value: string): string {
  return value.replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ').replace(/([.:@/])(?=[^\s])/gu, '$1\u2060').slice(0, 300);
}

export function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;').replaceAll("'", '&#39;');
}
