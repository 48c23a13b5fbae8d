/** One message: what is sealed of it, and its words filled in. */
import type { InstanceContext } from '../tenancy/index.ts';
import { loadWords } from './templates.ts';
import { type Channel, definitionOf, isTemplateName, type Locale, type TemplateName, variablesOf } from './template-list.ts';
import { renderHtml, renderLine, renderText, type Values } from './template-text.ts';

/** What only the recipient and the outbox see. */
export interface Content { readonly to: string | null; readonly variables: Values }

const place = (context: InstanceContext, id: string) => `${context.instance.id}/NotificationMessage/${id}/content`;
export const sealContent = (context: InstanceContext, id: string, content: Content): string => context.core.keyring.seal(JSON.stringify(content), place(context, id));
export const openContent = (context: InstanceContext, id: string, sealed: string): Content => JSON.parse(context.core.keyring.open(sealed, place(context, id)).toString('utf8')) as Content;

export interface Rendered { readonly subject: string; readonly text: string; readonly html: string }

/** The name that people know the instance by. */
const nameOf = ({ instance }: InstanceContext) => instance.branding.displayName ?? instance.name;

/** Fills in the words that the instance uses for a message, or those that are given. */
export async function renderMessage(context: InstanceContext, message: { template: TemplateName; channel: Channel; locale: Locale; variables: Values }, words?: { subject: string | null; text: string }): Promise<Rendered> {
  const { subject, text } = words ?? await loadWords(context, message.template, message.channel, message.locale);
  const variables = variablesOf(message.template);
  const values: Values = { instance: nameOf(context), ...message.variables };
  return {
    subject: renderLine(subject ?? '{{instance}}', variables, values),
    text: renderText(text, variables, values),
    html: message.channel === 'email' ? renderHtml(text, variables, values) : '',
  };
}

/** Values to look at words with. */
export function sampleValues(context: InstanceContext, template: TemplateName): Values {
  const samples: Record<string, string> = {
    code: '123456', link: `${context.instance.issuer}/sign-in/example`, minutes: '10', days: '7', hours: '24', displayName: 'Zhang Wei',
    time: '2026-11-26 10:15 UTC', address: '203.0.113.7', device: 'Firefox, Linux', method: 'TOTP', newAddress: 'new@example.com', reason: '…',
  };
  return Object.fromEntries(Object.keys(definitionOf(template).variables).map((name) => [name, samples[name] ?? '…']));
}

/** The name as a template, for rows of the log: one that this version does not know is not sent. */
export const templateOf = (name: string): TemplateName | undefined => (isTemplateName(name) ? name : undefined);
