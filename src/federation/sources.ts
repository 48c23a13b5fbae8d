/** The verbs on identity sources. */
import { isUniqueViolation } from '../core/database.ts';
import { checkEntityTag } from '../core/http/entity-tag.ts';
import { decodeCursor, pageFrom } from '../core/http/paging.ts';
import { newId } from '../core/ids.ts';
import { append, type NewEvent } from '../events/index.ts';
import type { Prisma } from '../generated/prisma/client.ts';
import { key, type InstanceContext, releaseQuota, takeQuota } from '../tenancy/index.ts';
import { connectorOf, type SourceKind } from './connectors/index.ts';
import { domainNotVerified, secretNeeded, secretNeededAgain, secretRefused, settingsRefused, sourceNameTaken, sourceNotFound, tooManySources, unknownApplications } from './errors.ts';
import * as events from './events.ts';
import { type CreateSource, readSettings, sourceRulesSchema, type UpdateSource } from './schemas.ts';
import { fromRow, type IdentitySource, secretPlace } from './source.ts';
import { announceSources, forgetSources } from './source-cache.ts';

/** All of an instance lie in memory. */
export const mostSources = 500;

const withoutLogo = { logo: true } as const;

/** @throws Problem 400 (settings, secret), 403 (plan), 409 (name, domain, too many) */
export async function createSource(context: InstanceContext, input: CreateSource): Promise<IdentitySource> {
  const { kind, secret, rules, settings: given, ...profile } = input;
  const settings = checkSettings(kind, given);
  checkSecret(kind, secret);
  if (secret === undefined && needsSecret(kind, settings)) throw secretNeeded();
  return changing(context, async (tx) => {
    await takeQuota(tx, 'identitySources');
    if (await tx.db.identitySource.count() >= mostSources) throw tooManySources(mostSources);
    await checkReferences(tx, undefined, profile);
    await checkShared(tx, settings);
    const now = tx.now();
    const id = newId('idp', now.getTime());
    const source = fromRow(await tx.db.identitySource.create({
      omit: withoutLogo,
      data: {
        ...defined(profile), name: profile.name, id, kind, settings: settings as Prisma.InputJsonObject, rules: sourceRulesSchema.parse(rules ?? {}), createdAt: now, updatedAt: now,
        sealedSecret: secret === undefined ? null : tx.core.keyring.seal(secret, secretPlace(tx, id)),
      } }));
    return { result: source, written: [events.sourceCreated(source)] };
  });
}

/** @throws Problem 404, 400, 409, 412 */
export async function updateSource(context: InstanceContext, sourceId: string, change: UpdateSource, options: { ifMatch?: string | undefined } = {}): Promise<IdentitySource> {
  return changing(context, async (tx) => {
    const before = await readSourceForUpdate(tx, sourceId);
    checkEntityTag(options.ifMatch, before.version);
    const { secret, rules, settings: given, ...profile } = change;
    const settings = given === undefined ? before.settings : checkSettings(before.kind, given);
    checkSecret(before.kind, secret);
    // What is stored goes to no new place: whoever may change an address must not get the secret by it.
    if (before.sealedSecret !== null && secret === undefined && secretIsFor(before.kind, settings) !== secretIsFor(before.kind, before.settings)) throw secretNeededAgain();
    if (before.sealedSecret === null && secret === undefined && needsSecret(before.kind, settings)) throw secretNeeded();
    await checkReferences(tx, sourceId, profile);
    await checkShared(tx, settings);
    const after = fromRow(await tx.db.identitySource.update({
      where: key(tx, sourceId), omit: withoutLogo,
      data: {
        ...defined(profile), settings: settings as Prisma.InputJsonObject, rules: { ...before.rules, ...defined(rules ?? {}) }, version: before.version + 1, updatedAt: tx.now(),
        ...(secret !== undefined && { sealedSecret: tx.core.keyring.seal(secret, secretPlace(tx, sourceId)) }),
      } }));
    return { result: after, written: [events.sourceUpdated(before, after), ...(secret === undefined ? [] : [events.sourceSecretChanged(sourceId)])] };
  });
}

/** With it go the connections of people; their accounts stay. @throws Problem 404, 412 */
export async function deleteSource(context: InstanceContext, sourceId: string, options: { ifMatch?: string | undefined } = {}): Promise<void> {
  await changing(context, async (tx) => {
    const before = await readSourceForUpdate(tx, sourceId);
    checkEntityTag(options.ifMatch, before.version);
    await tx.db.identitySource.delete({ where: key(tx, sourceId) });
    await releaseQuota(tx, 'identitySources');
    return { result: undefined, written: [events.sourceDeleted(before)] };
  });
}

/** From the database. @throws Problem 404 */
export async function readSource(context: InstanceContext, sourceId: string): Promise<IdentitySource> {
  const row = await context.db.identitySource.findUnique({ where: key(context, sourceId), omit: withoutLogo });
  if (!row) throw sourceNotFound();
  return fromRow(row);
}

/** Oldest first. */
export async function listSources(context: InstanceContext, { limit, cursor }: { limit: number; cursor?: string | undefined }) {
  const { keyring } = context.core;
  const scope = `${context.instance.id}/identity-sources`;
  const [after] = decodeCursor(keyring, scope, cursor) ?? [];
  const rows = await context.db.identitySource.findMany({ omit: withoutLogo, ...(after !== undefined && { where: { id: { gt: String(after) } } }), orderBy: { id: 'asc' }, take: limit + 1 });
  return pageFrom(keyring, scope, rows.map(fromRow), limit, ({ id }) => [id]);
}

async function readSourceForUpdate(tx: InstanceContext, sourceId: string): Promise<IdentitySource> {
  await tx.db.$queryRaw`SELECT id FROM "IdentitySource" WHERE "instanceId" = ${tx.instance.id} AND id = ${sourceId} FOR UPDATE`;
  return readSource(tx, sourceId);
}

function checkSettings(kind: SourceKind, given: unknown): Record<string, unknown> {
  const read = readSettings(kind, given);
  if ('errors' in read) throw settingsRefused(read.errors);
  return read.settings;
}

function checkSecret(kind: SourceKind, secret: string | undefined): void {
  const fault = secret === undefined ? undefined : connectorOf(kind).checkSecret?.(secret);
  if (fault !== undefined) throw secretRefused(fault);
}

const secretIsFor = (kind: SourceKind, settings: Record<string, unknown>): string => JSON.stringify(connectorOf(kind).secretIsFor(settings as never));

/** A public client shows PKCE alone. */
const needsSecret = (kind: SourceKind, settings: Record<string, unknown>): boolean => connectorOf(kind).secret === 'required' || settings['authentication'] !== 'none';

/** @throws Problem 400 (applications), 409 (domains) */
async function checkReferences(tx: InstanceContext, sourceId: string | undefined, { applicationIds, domains }: { applicationIds?: string[] | undefined; domains?: string[] | undefined }): Promise<void> {
  if (applicationIds && applicationIds.length > 0) {
    const found = await tx.db.application.findMany({ where: { id: { in: applicationIds } }, select: { id: true } });
    const unknown = applicationIds.filter((id) => !found.some((application) => application.id === id));
    if (unknown.length > 0) throw unknownApplications(unknown);
  }
  if (domains && domains.length > 0) {
    const verified = await tx.db.instanceDomain.findMany({ where: { hostname: { in: domains }, status: 'verified' }, select: { hostname: true } });
    const others = await tx.db.identitySource.findMany({ where: { domains: { hasSome: domains }, ...(sourceId !== undefined && { id: { not: sourceId } }) }, select: { domains: true } });
    const refused = domains.filter((domain) => !verified.some(({ hostname }) => hostname === domain) || others.some((other) => other.domains.includes(domain)));
    if (refused.length > 0) throw domainNotVerified(refused);
  }
}

/** Connections are shared with a source of the same people only. @throws Problem 400 */
async function checkShared(tx: InstanceContext, { sharesWith }: Record<string, unknown>): Promise<void> {
  if (typeof sharesWith !== 'string') return;
  if (await tx.db.identitySource.count({ where: { id: sharesWith, kind: 'wechat' } }) === 0) throw settingsRefused([{ field: 'settings.sharesWith', code: 'unknown', detail: `${sharesWith} is not a source of kind wechat in this instance` }]);
}

type Defined<Values> = { [Name in keyof Values]: Exclude<Values[Name], undefined> };
const defined = <Values extends object>(values: Values): Defined<Values> =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Defined<Values>;

async function changing<Result>(context: InstanceContext, work: (tx: InstanceContext) => Promise<{ result: Result; written: NewEvent[] }>): Promise<Result> {
  try {
    const result = await context.transaction(async (tx) => {
      const { result: made, written } = await work(tx);
      await append(tx, ...written);
      await announceSources(tx);
      return made;
    });
    forgetSources(context);
    return result;
  } catch (error) {
    throw isUniqueViolation(error) ? sourceNameTaken() : error;
  }
}
