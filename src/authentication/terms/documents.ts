/**
 * Terms and their versions. What was published never changes; a new version is asked for at the next sign-in. What is in
 * force is kept in memory: every sign-in asks.
 */
import { createInstanceCache, type InstanceCache } from '../../core/cache.ts';
import { perCore } from '../../core/core.ts';
import { checkEntityTag } from '../../core/http/entity-tag.ts';
import { decodeCursor, pageFrom } from '../../core/http/paging.ts';
import { newId } from '../../core/ids.ts';
import { append } from '../../events/index.ts';
import type { TermsDocument, TermsVersion } from '../../generated/prisma/client.ts';
import { instanceContext, key, type InstanceContext } from '../../tenancy/index.ts';
import { termsNotFound } from './errors.ts';
import { termsCreated, termsPublished, termsUpdated } from './events.ts';
import type { TermsTexts } from './schemas.ts';

/** A version that people must have accepted. */
export interface TermsInForce {
  readonly documentId: string;
  readonly number: number;
  readonly texts: TermsTexts;
}

const inForceCache = perCore((core): InstanceCache<readonly TermsInForce[]> => createInstanceCache<readonly TermsInForce[]>({
  signals: core.signals, channel: 'authentication.terms', max: 10_000, ttlMs: 60_000,
  load: async (instanceId) => {
    const context = await instanceContext(core, instanceId);
    return context && readTermsInForce(context);
  },
}));

/** The newest version of each document, in order. Without I/O when known. */
export const loadTermsInForce = (context: InstanceContext): Promise<readonly TermsInForce[]> =>
  inForceCache(context.core).getThrough(context.instance.id, '', () => readTermsInForce(context));

async function readTermsInForce(context: InstanceContext): Promise<readonly TermsInForce[]> {
  const documents = await context.db.termsDocument.findMany({ where: { state: 'active', published: { gt: 0 } }, orderBy: [{ position: 'asc' }, { id: 'asc' }] });
  if (documents.length === 0) return [];
  const versions = await context.db.termsVersion.findMany({ where: { OR: documents.map(({ id, published }) => ({ documentId: id, number: published })) } });
  return documents.flatMap(({ id }) => {
    const version = versions.find(({ documentId }) => documentId === id);
    return version ? [{ documentId: id, number: version.number, texts: version.texts as TermsTexts }] : [];
  });
}

async function announce(tx: InstanceContext): Promise<void> {
  await inForceCache(tx.core).invalidate(tx.db, tx.instance.id);
}

/** After the change, so that this server does not wait for its own signal. */
function forget<Result>(context: InstanceContext, result: Result): Result {
  inForceCache(context.core).forgetInstance(context.instance.id);
  return result;
}

export async function createTerms(context: InstanceContext, { name, position = 0 }: { name: string; position?: number | undefined }): Promise<TermsDocument> {
  return context.transaction(async (tx) => {
    const now = tx.now();
    const document = await tx.db.termsDocument.create({ data: { id: newId('terms', now.getTime()), name, position, createdAt: now, updatedAt: now } });
    await append(tx, termsCreated(document));
    return document;
  });
}

/** @throws Problem 404 */
export async function loadTerms(context: InstanceContext, termsId: string): Promise<TermsDocument> {
  const document = await context.db.termsDocument.findUnique({ where: key(context, termsId) });
  if (!document) throw termsNotFound();
  return document;
}

export interface TermsChange { name?: string | undefined; position?: number | undefined; state?: 'active' | 'retired' | undefined }

/** @throws Problem 404, 412 */
export async function updateTerms(context: InstanceContext, termsId: string, change: TermsChange, ifMatch?: string): Promise<TermsDocument> {
  return forget(context, await context.transaction(async (tx) => {
    const before = await loadForUpdate(tx, termsId);
    checkEntityTag(ifMatch, before.version);
    const { name = before.name, position = before.position, state = before.state } = change;
    const after = await tx.db.termsDocument.update({ where: key(tx, termsId), data: { name, position, state, version: before.version + 1, updatedAt: tx.now() } });
    await append(tx, termsUpdated(before, after));
    await announce(tx);
    return after;
  }));
}

/** The next version: from now on everybody is asked for it. @throws Problem 404, 412 */
export async function publishTerms(context: InstanceContext, termsId: string, texts: TermsTexts, ifMatch?: string): Promise<TermsVersion> {
  return forget(context, await context.transaction(async (tx) => {
    const before = await loadForUpdate(tx, termsId);
    checkEntityTag(ifMatch, before.version);
    const number = before.published + 1;
    const version = await tx.db.termsVersion.create({ data: { documentId: termsId, number, texts, publishedAt: tx.now() } });
    await tx.db.termsDocument.update({ where: key(tx, termsId), data: { published: number, version: before.version + 1, updatedAt: tx.now() } });
    await append(tx, termsPublished(termsId, number));
    await announce(tx);
    return version;
  }));
}

async function loadForUpdate(tx: InstanceContext, termsId: string): Promise<TermsDocument> {
  await tx.db.$queryRaw`SELECT 1 FROM "TermsDocument" WHERE "instanceId" = ${tx.instance.id} AND "id" = ${termsId} FOR UPDATE`;
  return loadTerms(tx, termsId);
}

export interface Paging { limit: number; cursor?: string | undefined }

/** The oldest first. */
export async function listTerms(context: InstanceContext, { limit, cursor }: Paging): Promise<{ items: TermsDocument[]; next: string | null }> {
  const scope = `${context.instance.id}\nterms`;
  const [after] = decodeCursor(context.core.keyring, scope, cursor) ?? [];
  const rows = await context.db.termsDocument.findMany({ where: { id: { gt: String(after ?? '') } }, orderBy: { id: 'asc' }, take: limit + 1 });
  return pageFrom(context.core.keyring, scope, rows, limit, ({ id }) => [id]);
}

/** The newest first. */
export async function listVersions(context: InstanceContext, documentId: string, { limit, cursor }: Paging): Promise<{ items: TermsVersion[]; next: string | null }> {
  const scope = `${context.instance.id}\nterms-versions\n${documentId}`;
  const [before] = decodeCursor(context.core.keyring, scope, cursor) ?? [];
  const rows = await context.db.termsVersion.findMany({ where: { documentId, ...(before !== undefined && { number: { lt: Number(before) } }) }, orderBy: { number: 'desc' }, take: limit + 1 });
  return pageFrom(context.core.keyring, scope, rows, limit, ({ number }) => [number]);
}
