/** Words of templates: the built-in ones, and those that an instance put in their place. */
import { createInstanceCache, type InstanceCache } from '../core/cache.ts';
import { type Core, perCore } from '../core/core.ts';
import { invalidParameters, type FieldError } from '../core/errors.ts';
import { checkEntityTag } from '../core/http/entity-tag.ts';
import { append } from '../events/index.ts';
import { instanceContext, type InstanceContext } from '../tenancy/index.ts';
import { templateNotFound } from './errors.ts';
import * as events from './events.ts';
import { channels, type Channel, definitionOf, type Locale, locales, type TemplateName, templateNames, variablesOf, type WordList } from './template-list.ts';
import { checkWords, uses } from './template-text.ts';
import { en } from './words/en.ts';
import { zhCn } from './words/zh-cn.ts';

export interface TemplateWords {
  readonly template: TemplateName;
  readonly channel: Channel;
  readonly locale: Locale;
  /** Null in text messages. */
  readonly subject: string | null;
  readonly text: string;
  /** False: the built-in words. */
  readonly own: boolean;
  /** 0: the built-in words. */
  readonly version: number;
  readonly updatedAt: Date | null;
}

const builtIn: Readonly<Record<Locale, WordList>> = { en, 'zh-CN': zhCn };
const idOf = (template: string, channel: string, locale: string) => `${template}/${channel}/${locale}`;

type Overrides = ReadonlyMap<string, { subject: string | null; text: string }>;
const cacheOf = perCore((core: Core): InstanceCache<Overrides> => createInstanceCache({
  signals: core.signals, channel: 'notifications.templates', max: 1_000, ttlMs: 60_000,
  load: async (instanceId) => {
    const context = await instanceContext(core, instanceId);
    if (!context) return undefined;
    const rows = await context.db.notificationTemplate.findMany({});
    return new Map(rows.map((row) => [idOf(row.template, row.channel, row.locale), { subject: row.subject, text: row.text }]));
  },
}));

/** What is to be sent. No I/O when known. */
export async function loadWords(context: InstanceContext, template: TemplateName, channel: Channel, locale: Locale): Promise<{ subject: string | null; text: string }> {
  const own = (await cacheOf(context.core).get(context.instance.id, 'all'))?.get(idOf(template, channel, locale));
  return own ?? builtInWords(template, channel, locale);
}

function builtInWords(template: TemplateName, channel: Channel, locale: Locale): { subject: string | null; text: string } {
  const words = builtIn[locale][template];
  if (channel === 'email') return words;
  if (words.sms === undefined) throw new Error(`The template ${template} has no words for text messages in ${locale}`);
  return { subject: null, text: words.sms };
}

/** Every template in every channel and language, with what the instance changed. */
export async function listTemplates(context: InstanceContext): Promise<TemplateWords[]> {
  const rows = new Map((await context.db.notificationTemplate.findMany({})).map((row) => [idOf(row.template, row.channel, row.locale), row]));
  return templateNames.flatMap((template) => channels.filter((channel) => definitionOf(template).channels.includes(channel))
    .flatMap((channel) => locales.map((locale) => viewOf(template, channel, locale, rows.get(idOf(template, channel, locale))))));
}

/** @throws Problem 404 when there is no such template in the channel */
export async function readTemplate(context: InstanceContext, template: TemplateName, channel: Channel, locale: Locale): Promise<TemplateWords> {
  rejectUnknown(template, channel);
  const row = await context.db.notificationTemplate.findUnique({ where: keyOf(context, template, channel, locale) });
  return viewOf(template, channel, locale, row);
}

/** Puts the words of the instance in place of the built-in ones. @throws Problem 400, 404, 412 */
export async function saveTemplate(context: InstanceContext, template: TemplateName, channel: Channel, locale: Locale, words: { subject?: string | null | undefined; text: string }, options: { ifMatch?: string | undefined } = {}): Promise<TemplateWords> {
  rejectUnknown(template, channel);
  const subject = channel === 'email' ? words.subject ?? null : null;
  checkTemplate(template, channel, { subject: words.subject ?? null, text: words.text });
  return changing(context, async (tx) => {
    await lockTemplates(tx);
    const before = await readTemplate(tx, template, channel, locale);
    checkEntityTag(options.ifMatch, before.version);
    const row = await tx.db.notificationTemplate.upsert({
      where: keyOf(tx, template, channel, locale),
      create: { template, channel, locale, subject, text: words.text, updatedAt: tx.now() },
      update: { subject, text: words.text, version: before.version + 1, updatedAt: tx.now() },
    });
    const after = viewOf(template, channel, locale, row);
    await append(tx, events.templateChanged(before, after));
    return after;
  });
}

/** Back to the built-in words. @throws Problem 404 when it has none of its own, 412 */
export async function resetTemplate(context: InstanceContext, template: TemplateName, channel: Channel, locale: Locale, options: { ifMatch?: string | undefined } = {}): Promise<void> {
  await changing(context, async (tx) => {
    await lockTemplates(tx);
    const before = await readTemplate(tx, template, channel, locale);
    if (!before.own) throw templateNotFound();
    checkEntityTag(options.ifMatch, before.version);
    await tx.db.notificationTemplate.delete({ where: keyOf(tx, template, channel, locale) });
    await append(tx, events.templateReset(before));
  });
}

/** Words as somebody wants to use them. @throws Problem 400 with one entry for each mistake */
export function checkTemplate(template: TemplateName, channel: Channel, { subject, text }: { subject: string | null; text: string }): void {
  const variables = variablesOf(template);
  const errors: FieldError[] = [...checkWords('text', text, variables), ...checkWords('subject', subject ?? '', variables)];
  if (channel === 'email' && (subject ?? '').trim() === '') errors.push({ field: 'subject', code: 'required', detail: 'a mail needs a subject' });
  if (channel === 'sms' && subject !== null) errors.push({ field: 'subject', code: 'invalid', detail: 'a text message has no subject' });
  for (const [name, kind] of Object.entries(variables)) {
    if ((kind === 'code' || kind === 'link') && uses(builtInText(template, channel), name) && !uses(text, name)) errors.push({ field: 'text', code: 'missing_variable', detail: `must contain {{${name}}}: without it the message is of no use` });
    if (kind === 'link' && uses(subject ?? '', name)) errors.push({ field: 'subject', code: 'invalid', detail: `{{${name}}} may stand in the text only` });
  }
  if (errors.length > 0) throw invalidParameters(errors);
}

/** What the built-in words say in this channel, one's own must say too: the code or link that the message is for. */
const builtInText = (template: TemplateName, channel: Channel) => builtInWords(template, channel, 'en').text;

function rejectUnknown(template: TemplateName, channel: Channel): void {
  if (!definitionOf(template).channels.includes(channel)) throw templateNotFound();
}

const keyOf = (context: InstanceContext, template: TemplateName, channel: Channel, locale: Locale) =>
  ({ instanceId_template_channel_locale: { instanceId: context.instance.id, template, channel, locale } });

/** Two changes of one template wait for each other; there may be no row yet to lock. */
async function lockTemplates(tx: InstanceContext): Promise<void> {
  await tx.db.$queryRaw`SELECT "id" AS "instanceId" FROM "Instance" WHERE "id" = ${tx.instance.id} FOR NO KEY UPDATE`;
}

function viewOf(template: TemplateName, channel: Channel, locale: Locale, row: { subject: string | null; text: string; version: number; updatedAt: Date } | undefined | null): TemplateWords {
  const { subject, text } = row ?? builtInWords(template, channel, locale);
  return { template, channel, locale, subject, text, own: Boolean(row), version: row?.version ?? 0, updatedAt: row?.updatedAt ?? null };
}

async function changing<Result>(context: InstanceContext, work: (tx: InstanceContext) => Promise<Result>): Promise<Result> {
  const cache = cacheOf(context.core);
  const result = await context.transaction(async (tx) => {
    const made = await work(tx);
    await cache.invalidate(tx.db, tx.instance.id);
    return made;
  });
  cache.forgetInstance(context.instance.id);
  return result;
}
