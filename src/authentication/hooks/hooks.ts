/** The verbs on flow webhooks, and the list of those that are switched on, kept in memory by every server. */
import { createInstanceCache, type InstanceCache } from '../../core/cache.ts';
import { type Core, perCore } from '../../core/core.ts';
import { checkEntityTag } from '../../core/http/entity-tag.ts';
import { decodeCursor, pageFrom } from '../../core/http/paging.ts';
import { newId } from '../../core/ids.ts';
import { randomToken } from '../../core/secrets.ts';
import { append } from '../../events/index.ts';
import { instanceContext, key, type InstanceContext } from '../../tenancy/index.ts';
import { hookNotFound, secretNeeded, tooManyHooks, urlRefused } from './errors.ts';
import * as events from './events.ts';
import { fromRow, type Hook, type Trigger } from './hook.ts';
import type { CreateHook, UpdateHook } from './schemas.ts';

const mostHooks = 20;

const cacheOf = perCore((core: Core): InstanceCache<readonly Hook[]> => createInstanceCache({
  signals: core.signals, channel: 'authentication.flow-hooks', max: 2_000, ttlMs: 60_000,
  load: async (instanceId) => {
    const context = await instanceContext(core, instanceId);
    return context && (await context.db.flowHook.findMany({ where: { enabled: true }, orderBy: [{ position: 'asc' }, { id: 'asc' }] })).map(fromRow);
  },
}));

/** Those that are called at a trigger, in their order. No I/O when known. */
export async function hooksAt(context: InstanceContext, trigger: Trigger): Promise<readonly Hook[]> {
  return (await cacheOf(context.core).get(context.instance.id, 'all') ?? []).filter(({ triggers }) => triggers.includes(trigger));
}

const place = (context: InstanceContext, id: string) => `${context.instance.id}/FlowHook/${id}/secret`;
const seal = (context: InstanceContext, id: string, secret: string) => context.core.keyring.seal(secret, place(context, id));

/** The secrets that sign now, the present one first. */
export function secretsOf(context: InstanceContext, hook: Hook): string[] {
  const open = (sealed: string) => context.core.keyring.open(sealed, place(context, hook.id)).toString('utf8');
  const overlaps = hook.sealedPreviousSecret !== null && hook.previousUntil !== null && hook.previousUntil > context.now();
  return [open(hook.sealedSecret), ...(overlaps && hook.sealedPreviousSecret !== null ? [open(hook.sealedPreviousSecret)] : [])];
}

/** @throws Problem 400, 409 (too many) */
export async function createHook(context: InstanceContext, input: CreateHook): Promise<{ hook: Hook; secret: string }> {
  checkUrl(input.url);
  const secret = input.secret ?? randomToken(32);
  const { name, triggers, url, enabled = true, timeoutMs = 3_000, onFailure = 'deny', position = 100, callsPerMinute = 100 } = input;
  const hook = await changing(context, async (tx) => {
    if (await tx.db.flowHook.count({}) >= mostHooks) throw tooManyHooks(mostHooks);
    const now = tx.now();
    const id = newId('hook', now.getTime());
    const after = fromRow(await tx.db.flowHook.create({ data: {
      id, name, triggers: [...new Set(triggers)], url, enabled, timeoutMs, onFailure, position, callsPerMinute, sealedSecret: seal(tx, id, secret), createdAt: now, updatedAt: now } }));
    await append(tx, events.hookCreated(after));
    return after;
  });
  return { hook, secret };
}

/** @throws Problem 404, 400 (a new URL without the secret), 412 */
export async function updateHook(context: InstanceContext, id: string, change: UpdateHook, options: { ifMatch?: string | undefined } = {}): Promise<Hook> {
  if (change.url !== undefined) checkUrl(change.url);
  return changing(context, async (tx) => {
    const before = await readForUpdate(tx, id);
    checkEntityTag(options.ifMatch, before.version);
    if (change.url !== undefined && change.url !== before.url && change.secret === undefined) throw secretNeeded();
    const { secret, triggers, name, url, enabled, timeoutMs, onFailure, position, callsPerMinute } = change;
    const after = fromRow(await tx.db.flowHook.update({ where: key(tx, id), data: {
      ...(name !== undefined && { name }), ...(url !== undefined && { url }), ...(enabled !== undefined && { enabled }), ...(timeoutMs !== undefined && { timeoutMs }),
      ...(onFailure !== undefined && { onFailure }), ...(position !== undefined && { position }), ...(callsPerMinute !== undefined && { callsPerMinute }),
      ...(triggers && { triggers: [...new Set(triggers)] }),
      ...(secret !== undefined && { sealedSecret: seal(tx, id, secret), sealedPreviousSecret: null, previousUntil: null }),
      version: before.version + 1, updatedAt: tx.now(),
    } }));
    await append(tx, events.hookUpdated(before, after));
    return after;
  });
}

/** Makes a new secret; the one before signs too for a while. @throws Problem 404, 412 */
export async function rotateSecret(context: InstanceContext, id: string, { overlapHours, ifMatch }: { overlapHours: number; ifMatch?: string | undefined }): Promise<{ hook: Hook; secret: string }> {
  const secret = randomToken(32);
  const hook = await changing(context, async (tx) => {
    const before = await readForUpdate(tx, id);
    checkEntityTag(ifMatch, before.version);
    const after = fromRow(await tx.db.flowHook.update({ where: key(tx, id), data: {
      sealedSecret: seal(tx, id, secret),
      ...(overlapHours > 0 ? { sealedPreviousSecret: before.sealedSecret, previousUntil: new Date(tx.now().getTime() + overlapHours * 3_600_000) } : { sealedPreviousSecret: null, previousUntil: null }),
      version: before.version + 1, updatedAt: tx.now() } }));
    await append(tx, events.hookSecretRotated(before, after));
    return after;
  });
  return { hook, secret };
}

/** @throws Problem 404, 412 */
export async function deleteHook(context: InstanceContext, id: string, options: { ifMatch?: string | undefined } = {}): Promise<void> {
  await changing(context, async (tx) => {
    const before = await readForUpdate(tx, id);
    checkEntityTag(options.ifMatch, before.version);
    await tx.db.flowHook.delete({ where: key(tx, id) });
    await append(tx, events.hookDeleted(before));
  });
}

/** @throws Problem 404 */
export async function readHook(context: InstanceContext, id: string): Promise<Hook> {
  const row = await context.db.flowHook.findUnique({ where: key(context, id) });
  if (!row) throw hookNotFound();
  return fromRow(row);
}

interface Page { readonly limit: number; readonly cursor?: string | undefined }

/** Oldest first. */
export async function listHooks(context: InstanceContext, { limit, cursor }: Page) {
  const { keyring } = context.core;
  const scope = `${context.instance.id}/flow-hooks`;
  const [after] = decodeCursor(keyring, scope, cursor) ?? [];
  const rows = await context.db.flowHook.findMany({ ...(after !== undefined && { where: { id: { gt: String(after) } } }), orderBy: { id: 'asc' }, take: limit + 1 });
  return pageFrom(keyring, scope, rows.map(fromRow), limit, ({ id }) => [id]);
}

/** Newest first. @throws Problem 404 */
export async function listCalls(context: InstanceContext, hookId: string, { limit, cursor }: Page) {
  await readHook(context, hookId);
  const { keyring } = context.core;
  const scope = `${context.instance.id}/flow-hooks/${hookId}/calls`;
  const [before] = decodeCursor(keyring, scope, cursor) ?? [];
  const rows = await context.db.flowHookCall.findMany({ where: { hookId, ...(before !== undefined && { id: { lt: String(before) } }) }, orderBy: { id: 'desc' }, take: limit + 1 });
  const page = pageFrom(keyring, scope, rows, limit, ({ id }) => [id]);
  return { items: page.items.map(({ id, trigger, flowId, userId, status, action, httpStatus, milliseconds, detail, createdAt }) => ({
    id, trigger, flowId, userId, status: status as 'answered' | 'failed' | 'dropped', action, httpStatus, milliseconds, detail, createdAt: createdAt.toISOString() })), next: page.next };
}

async function readForUpdate(tx: InstanceContext, id: string): Promise<Hook> {
  await tx.db.$queryRaw`SELECT "id" FROM "FlowHook" WHERE "instanceId" = ${tx.instance.id} AND "id" = ${id} FOR NO KEY UPDATE`;
  return readHook(tx, id);
}

/** The address itself is judged at each call; what could never be called is refused now. */
function checkUrl(text: string): void {
  const url = new URL(text);
  if (url.username !== '' || url.password !== '') throw urlRefused('must not carry a name or password before the host');
  if (url.hash !== '') throw urlRefused('must not have a fragment');
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
