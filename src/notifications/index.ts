/** Notifications: mails and text messages, their words, the gateways that they leave through, and the log of how that went. */
export { sendNotification, type Message } from './send.ts';
export { openContent } from './message.ts';
export { type Channel, type TemplateName } from './template-list.ts';
export { isRecipient, maskRecipient, prefixOf } from './recipients.ts';
export { hasGateway } from './gateways.ts';
export { warnAboutOutboxes } from './readiness.ts';
export { notifications } from './routes.ts';
