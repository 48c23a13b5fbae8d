/** A text message as a service gets it, and the shape of all services. */
import type { InstanceContext } from '../../tenancy/index.ts';
import type { Locale, TemplateName } from '../template-list.ts';
import type { Values } from '../template-text.ts';
import { failed, type Outcome } from '../outcome.ts';
import { OutboundBlocked } from '../../core/outbound-errors.ts';
import { Problem } from '../../core/errors.ts';

export interface TextMessage {
  /** E.164. */
  readonly to: string;
  readonly text: string;
  readonly template: TemplateName;
  readonly locale: Locale;
  readonly variables: Values;
  readonly messageId: string;
}

/** Sends one message and says how it went. May throw what core/outbound throws. */
export type SmsService<Settings> = (context: InstanceContext, settings: Settings, secret: string, message: TextMessage) => Promise<Outcome>;

/** What a call that did not come to an answer means. */
export function explainCall(error: unknown): Outcome {
  if (error instanceof OutboundBlocked) return failed('configuration', error.code, error.detail);
  if (error instanceof Problem) return failed('temporary', error.code, error.detail);
  throw error;
}

/** The approved template of a service for a message: that of its language, else that for all. */
export function approvedTemplate<Template>(templates: Readonly<Record<string, Template>>, { template, locale }: TextMessage): Template | undefined {
  return [`${template}.${locale}`, template].flatMap((name) => (Object.hasOwn(templates, name) ? templates[name] ?? [] : []))[0];
}

export const noApprovedTemplate = ({ template }: TextMessage): Outcome => failed('configuration', 'no_template', `settings.templates names no approved template for ${template}`);

/** A member deep in an answer; undefined where there is none. */
export function memberAt(value: unknown, path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>((at, name) => (typeof at === 'object' && at !== null && Object.hasOwn(at, name) ? (at as Record<string | number, unknown>)[name] : undefined), value);
}

/** An answer's JSON, or undefined when it is none. */
export function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
