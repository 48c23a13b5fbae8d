/** The verbs on applications. */
import { isUniqueViolation } from '../core/database.ts';
import { checkEntityTag } from '../core/http/entity-tag.ts';
import { newId } from '../core/ids.ts';
import { append, type NewEvent } from '../events/index.ts';
import type { Prisma } from '../generated/prisma/client.ts';
import { isOwnAddress, key, type InstanceContext, releaseQuota, takeQuota } from '../tenancy/index.ts';
import { announceApplication, findApplicationId, findKnownApplication, forgetApplication } from './application-cache.ts';
import { loadApplicationForUpdate } from './application-lock.ts';
import { fromRow, type Application } from './application.ts';
import { dropSealedSecrets, insertSecret, type NewClientSecret } from './client-secrets.ts';
import { applicationNotFound, builtInStays, clientIdTaken, settingsRefused } from './errors.ts';
import * as events from './events.ts';
import type { ApplicationKind } from './kinds.ts';
import { checkOidcSettings } from './oidc-rules.ts';
import { completeOidcSettings, type OidcSettings, usesClientSecret } from './oidc-settings.ts';
import { rejectTakeOver } from './own-rights.ts';
import type { CreateApplication, UpdateApplication } from './schemas.ts';
import { checkSectorIdentifier } from './sector-identifier.ts';

/** What only the product itself and the operator may say, never a request. */
export interface ApplicationOrigin {
  /** Part of the product: stays, and may live at our own address. */
  builtIn?: boolean;
  /** The first secret, from the environment; undefined: a random one where the application uses one. */
  clientSecret?: string | undefined;
}

/**
 * Registers an application. One that authenticates with a secret gets its first one, known only now.
 * @throws Problem 400 (settings that do not go together), 403 (the plan allows no more), 409 (clientId taken)
 */
export async function createApplication(
  context: InstanceContext, { oidc, clientId, ...profile }: CreateApplication, origin: ApplicationOrigin = {},
): Promise<{ application: Application; clientSecret: NewClientSecret | undefined }> {
  const settings = completeOidcSettings(profile.kind, oidc ?? {});
  await checkSettings(context, profile.kind, settings, origin.builtIn ? () => true : undefined);
  const id = newId('app', context.now().getTime());
  try {
    return await context.transaction(async (tx) => {
      const now = tx.now();
      if (!origin.builtIn) await takeQuota(tx, quotaOf(profile.kind));
      const row = await tx.db.application.create({
        data: {
          name: profile.name, description: profile.description ?? null, kind: profile.kind, protocol: profile.protocol ?? 'oidc',
          homepageUri: profile.homepageUri ?? null, firstParty: profile.firstParty ?? false, builtIn: origin.builtIn ?? false,
          rateLimitPerSecond: profile.rateLimitPerSecond ?? null, rateLimitBurst: profile.rateLimitBurst ?? null,
          settings, id, clientId: clientId ?? id, createdAt: now, updatedAt: now,
        },
      });
      const application = fromRow(row);
      await append(tx, events.applicationCreated(application));
      const clientSecret = usesClientSecret(settings.tokenEndpointAuthMethod) ? await insertSecret(tx, application, { secret: origin.clientSecret }) : undefined;
      if (clientSecret) await append(tx, events.secretAdded(id, clientSecret));
      await announceApplication(tx, id, application.clientId);
      return { application, clientSecret };
    });
  } catch (error) {
    throw isUniqueViolation(error) ? clientIdTaken() : error;
  } finally {
    forgetApplication(context, id, clientId ?? id);
  }
}

/** The application of a client_id, also a disabled one. Without I/O when known; another server's change is seen within a second. */
export async function findApplicationByClientId(context: InstanceContext, clientId: string): Promise<Application | undefined> {
  const id = await findApplicationId(context, clientId);
  return id === undefined ? undefined : (await findKnownApplication(context, id))?.application;
}

/** The same by id. */
export async function findApplication(context: InstanceContext, applicationId: string): Promise<Application | undefined> {
  return (await findKnownApplication(context, applicationId))?.application;
}

/** From memory, too. @throws Problem 404 */
export async function loadApplication(context: InstanceContext, applicationId: string): Promise<Application> {
  const application = await findApplication(context, applicationId);
  if (!application) throw applicationNotFound();
  return application;
}

/** From the database: for an answer with an ETag. @throws Problem 404 */
export async function readCurrentApplication(context: InstanceContext, applicationId: string): Promise<Application> {
  const row = await context.db.application.findUnique({ where: key(context, applicationId) });
  if (!row) throw applicationNotFound();
  return fromRow(row);
}

/**
 * Changes what `change` names; null clears, in `oidc` it brings the default back.
 * @throws Problem 404, 400 (settings that do not go together), 403 (own-rights.ts), 412
 */
export async function updateApplication(context: InstanceContext, applicationId: string, change: UpdateApplication, options: { ifMatch?: string | undefined } = {}): Promise<Application> {
  const { oidc, ...profile } = change;
  if (oidc) {
    // Before the transaction: it may call the sector's address. What the lock finds decides.
    const current = await readCurrentApplication(context, applicationId);
    await checkSettings(context, current.kind, completeOidcSettings(current.kind, oidc, current.settings), keptAddresses(current), current.settings);
  }
  return changing(context, applicationId, async (tx, before) => {
    checkEntityTag(options.ifMatch, before.version);
    if (oidc) await rejectTakeOver(tx, applicationId);
    const settings = oidc ? completeOidcSettings(before.kind, oidc, before.settings) : before.settings;
    if (oidc) refuseSettings(checkOidcSettings(before.kind, settings, ruleEnvironment(tx, keptAddresses(before))));
    const named = Object.fromEntries(Object.entries(profile).filter(([, value]) => value !== undefined));
    const after = await write(tx, before, { ...named, settings });
    if (after.settings.tokenEndpointAuthMethod !== 'client_secret_jwt' && before.settings.tokenEndpointAuthMethod === 'client_secret_jwt') await dropSealedSecrets(tx, applicationId);
    return { after, event: events.applicationUpdated(before, after) };
  });
}

/** A disabled application gets no tokens, and tokens for the management API stop working within a second. */
export const disableApplication = (context: InstanceContext, applicationId: string) => setEnabled(context, applicationId, false);
export const enableApplication = (context: InstanceContext, applicationId: string) => setEnabled(context, applicationId, true);

/** With its secrets, grants and consents. @throws Problem 404, 409 (part of the product), 412 */
export async function deleteApplication(context: InstanceContext, applicationId: string, options: { ifMatch?: string | undefined } = {}): Promise<void> {
  const deleted = await context.transaction(async (tx) => {
    const before = await loadApplicationForUpdate(tx, applicationId);
    checkEntityTag(options.ifMatch, before.version);
    if (before.builtIn) throw builtInStays('application');
    await rejectTakeOver(tx, applicationId);
    await tx.db.application.delete({ where: key(tx, applicationId) });
    await releaseQuota(tx, quotaOf(before.kind));
    await append(tx, events.applicationDeleted(before));
    await announceApplication(tx, applicationId, before.clientId);
    return before;
  });
  forgetApplication(context, applicationId, deleted.clientId);
}

function setEnabled(context: InstanceContext, applicationId: string, enabled: boolean): Promise<Application> {
  return changing(context, applicationId, async (tx, before) => {
    if (before.enabled === enabled) return { after: before };
    await rejectTakeOver(tx, applicationId);
    const after = await write(tx, before, { enabled });
    return { after, event: enabled ? events.applicationEnabled(before, after) : events.applicationDisabled(before, after) };
  });
}

async function changing(
  context: InstanceContext, applicationId: string, work: (tx: InstanceContext, before: Application) => Promise<{ after: Application; event?: NewEvent }>,
): Promise<Application> {
  const application = await context.transaction(async (tx) => {
    const { after, event } = await work(tx, await loadApplicationForUpdate(tx, applicationId));
    if (event) await append(tx, event);
    await announceApplication(tx, applicationId);
    return after;
  });
  forgetApplication(context, applicationId);
  return application;
}

async function write(tx: InstanceContext, before: Application, change: Prisma.ApplicationUpdateInput): Promise<Application> {
  return fromRow(await tx.db.application.update({ where: key(tx, before.id), data: { ...change, version: before.version + 1, updatedAt: tx.now() } }));
}

const quotaOf = (kind: ApplicationKind) => (kind === 'machine' ? 'machineApplications' : 'applications');

type IsKept = (url: URL) => boolean;

/** The console lives at our own address; it keeps the addresses it has and gets no further ones there. */
function keptAddresses(application: Application): IsKept | undefined {
  if (!application.builtIn) return undefined;
  const kept = new Set([...application.settings.redirectUris, ...application.settings.postLogoutRedirectUris].map((uri) => URL.parse(uri)?.href));
  return (url) => kept.has(url.href);
}

const ruleEnvironment = ({ core }: InstanceContext, isKept: IsKept = () => false) => ({
  isOwnAddress: (url: URL) => !isKept(url) && isOwnAddress(core, url),
  hasClientCertificates: core.config.mtlsCertificateHeader !== undefined,
});

async function checkSettings(context: InstanceContext, kind: ApplicationKind, settings: OidcSettings, isKept?: IsKept, before?: OidcSettings): Promise<void> {
  refuseSettings(checkOidcSettings(kind, settings, ruleEnvironment(context, isKept)));
  const sectorChanges = settings.sectorIdentifierUri !== before?.sectorIdentifierUri || settings.redirectUris.join() !== before?.redirectUris.join();
  if (sectorChanges) refuseSettings(await checkSectorIdentifier(context.core, settings));
}

function refuseSettings(errors: Parameters<typeof settingsRefused>[0]): void {
  if (errors.length > 0) throw settingsRefused(errors);
}
