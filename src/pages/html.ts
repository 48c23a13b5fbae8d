/** Markup as tagged templates: what is put in is escaped unless it is markup itself. */
import { html as template } from 'htm/preact';
import type { ComponentChildren, VNode } from 'preact';
import { renderToString } from 'preact-render-to-string';

export type Markup = ComponentChildren;

/** One or several elements. */
export const html = template as (strings: TemplateStringsArray, ...values: unknown[]) => VNode;

/** Renders a whole document. */
export const renderDocument = (root: VNode): string => `<!doctype html>${renderToString(root)}`;
