/** One file for each method that is more than a form, and the one list of them. */
import type { MethodView } from '../../authentication/index.ts';
import type { Drawing, DrawMethod } from '../drawing.ts';
import { html, type Markup } from '../html.ts';
import { identitySource } from './identity-source.ts';
import { password } from './password.ts';
import { plainForm } from './plain-form.ts';

const methods: Partial<Record<MethodView['method'], DrawMethod>> = { identity_source: identitySource, password };

/** All methods of a step, the first one first in reach. */
export const drawMethods = (drawing: Drawing, views: readonly MethodView[], remember: { readonly days: number } | undefined): Markup =>
  html`${views.map((view, index) => (methods[view.method] ?? plainForm)(drawing, view, { isFirst: index === 0 && drawing.view.notices.length === 0, remember }))}`;
