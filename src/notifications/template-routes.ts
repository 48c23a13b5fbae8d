/** `/api/v1/notification-templates`. */
import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { invalidParameters } from '../core/errors.ts';
import { answers, noContent } from '../core/http/answers.ts';
import { entityTag, ifMatchHeader } from '../core/http/entity-tag.ts';
import { omit } from '../core/omit.ts';
import { manageAccess, readAccess } from './gateway-routes.ts';
import { renderMessage, sampleValues } from './message.ts';
import { previewAnswer, previewSchema, queuedAnswer, saveTemplateSchema, templateList, templateParams, templateSchema, testGatewaySchema } from './schemas.ts';
import { sendNotification } from './send.ts';
import { definitionOf, variablesOf } from './template-list.ts';
import { checkTemplate, listTemplates, readTemplate, resetTemplate, saveTemplate, type TemplateWords } from './templates.ts';

const view = (words: TemplateWords) => ({
  ...omit(words, 'version'), updatedAt: words.updatedAt?.toISOString() ?? null, description: definitionOf(words.template).description, variables: Object.keys(variablesOf(words.template)) });

export async function templateRoutes(app: FastifyInstance): Promise<void> {
  const routes = app.withTypeProvider<ZodTypeProvider>();
  const tags = ['Notifications'];
  const params = templateParams;
  const path = '/api/v1/notification-templates/:template/:channel/:locale';

  routes.get('/api/v1/notification-templates', {
    schema: { operationId: 'listNotificationTemplates', summary: 'List all templates in all channels and languages', tags, response: answers({ 200: templateList }) },
    config: { access: readAccess },
  }, async ({ instanceContext: context }) => ({ items: (await listTemplates(context)).map(view), next: null }));

  routes.get(path, {
    schema: { operationId: 'getNotificationTemplate', summary: 'Read the words of a template', tags, params, response: answers({ 200: templateSchema }) },
    config: { access: readAccess },
  }, async ({ instanceContext: context, params: { template, channel, locale } }, reply) => {
    const words = await readTemplate(context, template, channel, locale);
    return reply.header('etag', entityTag(words.version)).send(view(words));
  });

  routes.put(path, {
    schema: {
      operationId: 'saveNotificationTemplate', summary: 'Use words of your own', tags, params, headers: ifMatchHeader, body: saveTemplateSchema, response: answers({ 200: templateSchema }, 412),
      description: 'Plain text with the variables of the template, such as `{{code}}`; there are no expressions, loops or markup. Mails get their HTML from it.',
    },
    config: { access: manageAccess },
  }, async ({ instanceContext: context, params: { template, channel, locale }, body, headers }, reply) => {
    const words = await saveTemplate(context, template, channel, locale, body, { ifMatch: headers['if-match'] });
    return reply.header('etag', entityTag(words.version)).send(view(words));
  });

  routes.delete(path, {
    schema: { operationId: 'resetNotificationTemplate', summary: 'Go back to the built-in words', tags, params, headers: ifMatchHeader, response: answers({ 204: noContent }, 412) },
    config: { access: manageAccess },
  }, async ({ instanceContext: context, params: { template, channel, locale }, headers }, reply) => {
    await resetTemplate(context, template, channel, locale, { ifMatch: headers['if-match'] });
    return reply.code(204).send();
  });

  routes.post(`${path}/preview`, {
    schema: { operationId: 'previewNotificationTemplate', summary: 'See a message as it would arrive', description: 'With the words of the body, which are not saved, or those in use.', tags, params, body: previewSchema, response: answers({ 200: previewAnswer }) },
    config: { access: readAccess },
  }, async ({ instanceContext: context, params: { template, channel, locale }, body }) => {
    const current = await readTemplate(context, template, channel, locale);
    const words = { subject: body.subject === undefined ? current.subject : body.subject, text: body.text ?? current.text };
    checkTemplate(template, channel, words);
    const unknown = Object.keys(body.variables ?? {}).filter((name) => !Object.hasOwn(variablesOf(template), name));
    if (unknown.length > 0) throw invalidParameters(unknown.map((name) => ({ field: `variables.${name}`, code: 'unknown_variable', detail: 'is no variable of this template' })));
    const rendered = await renderMessage(context, { template, channel, locale, variables: { ...sampleValues(context, template), ...body.variables } }, words);
    return { subject: channel === 'email' ? rendered.subject : null, text: rendered.text, html: channel === 'email' ? rendered.html : null };
  });

  routes.post(`${path}/test`, {
    schema: { operationId: 'sendTestOfNotificationTemplate', summary: 'Send a template with example values', tags, params, body: testGatewaySchema, response: answers({ 202: queuedAnswer }) },
    config: { access: manageAccess },
  }, async ({ instanceContext: context, params: { template, channel, locale }, body: { to } }, reply) => {
    await readTemplate(context, template, channel, locale);
    const { id } = await context.transaction((tx) => sendNotification(tx, { template, channel, locale, to, variables: { ...sampleValues(tx, template) } }));
    return reply.code(202).send({ messageId: id });
  });
}
