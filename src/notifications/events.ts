/** What happens to gateways and templates, in the words of the log; never a secret. */
import type { NewEvent } from '../events/index.ts';
import { viewGateway, type Gateway } from './gateway.ts';
import type { TemplateWords } from './templates.ts';

const ofGateway = (type: string, id: string, { before, after }: { before?: Gateway; after?: Gateway }): NewEvent => ({
  type, subject: { type: 'notification_gateway', id }, ...(before && { before: viewGateway(before) }), ...(after && { after: viewGateway(after) }) });

export const gatewayCreated = (after: Gateway) => ofGateway('notification_gateway.created', after.id, { after });
export const gatewayUpdated = (before: Gateway, after: Gateway) => ofGateway('notification_gateway.updated', after.id, { before, after });
export const gatewayDeleted = (before: Gateway) => ofGateway('notification_gateway.deleted', before.id, { before });
export const gatewayTested = (gateway: Gateway, outcome: string): NewEvent => ({ type: 'notification_gateway.tested', subject: { type: 'notification_gateway', id: gateway.id }, after: { outcome } });

const ofTemplate = (type: string, of: TemplateWords, change: { before?: object; after?: object }): NewEvent => ({
  type, subject: { type: 'notification_template', id: `${of.template}/${of.channel}/${of.locale}` }, ...change });
const words = ({ subject, text, own }: TemplateWords) => ({ subject, text, own });

export const templateChanged = (before: TemplateWords, after: TemplateWords) => ofTemplate('notification_template.changed', after, { before: words(before), after: words(after) });
export const templateReset = (before: TemplateWords) => ofTemplate('notification_template.reset', before, { before: words(before) });
