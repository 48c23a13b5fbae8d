/**
 * Client secrets: 256 random bits, kept as a SHA-256 hash and shown once. Several may be live, so that a new one is
 * spread before the old one ends. client_secret_jwt needs the secret itself: only then it is kept, sealed.
 */
import { newId } from '../core/ids.ts';
import { constantTimeEqual, randomToken, sha256 } from '../core/secrets.ts';
import { append } from '../events/index.ts';
import type { ClientSecret as ClientSecretRow } from '../generated/prisma/client.ts';
import { key, type InstanceContext } from '../tenancy/index.ts';
import { announceApplication, findKnownApplication, forgetApplication } from './application-cache.ts';
import { loadApplicationForUpdate } from './application-lock.ts';
import type { Application } from './application.ts';
import { secretNotFound, secretNotUsed, tooManySecrets } from './errors.ts';
import { secretAdded, secretRemoved } from './events.ts';
import { usesClientSecret } from './oidc-settings.ts';
import { rejectTakeOver } from './own-rights.ts';

const mostSecrets = 10;

export interface ClientSecret extends Pick<ClientSecretRow, 'id' | 'hint' | 'createdAt' | 'expiresAt'> {
  /** Kept sealed for client_secret_jwt. */
  readonly reversible: boolean;
}
export interface NewClientSecret extends ClientSecret {
  /** Known only now. */
  readonly secret: string;
}

export interface AddSecret {
  /** Null: never. */
  expiresAt?: Date | null;
  /** Seconds after which the secrets so far end (rotation). Undefined: they stay as they are. */
  overlapSeconds?: number | undefined;
  /** The operator's own secret, from the environment. */
  secret?: string | undefined;
}

/** Adds a secret, by rotation or beside the others. @throws Problem 404, 403 (own-rights.ts), 409 (no method with a secret; too many) */
export async function addClientSecret(context: InstanceContext, applicationId: string, options: AddSecret = {}): Promise<NewClientSecret> {
  const added = await context.transaction(async (tx) => {
    const application = await loadApplicationForUpdate(tx, applicationId);
    if (!usesClientSecret(application.settings.tokenEndpointAuthMethod)) throw secretNotUsed();
    await rejectTakeOver(tx, applicationId);
    if (await tx.db.clientSecret.count({ where: { applicationId } }) >= mostSecrets) throw tooManySecrets(mostSecrets);
    if (options.overlapSeconds !== undefined) await endSecrets(tx, applicationId, options.overlapSeconds);
    const secret = await insertSecret(tx, application, options);
    await append(tx, secretAdded(applicationId, secret, options.overlapSeconds));
    await announceApplication(tx, applicationId);
    return secret;
  });
  forgetApplication(context, applicationId);
  return added;
}

/** Writes the row; within the transaction that also writes the event and tells the other servers. */
export async function insertSecret(tx: InstanceContext, application: Application, options: AddSecret = {}): Promise<NewClientSecret> {
  const now = tx.now();
  const id = newId('secr', now.getTime());
  const secret = options.secret ?? randomToken();
  const reversible = application.settings.tokenEndpointAuthMethod === 'client_secret_jwt';
  const row = await tx.db.clientSecret.create({
    data: {
      id, applicationId: application.id, hash: sha256(secret), hint: secret.slice(-4), createdAt: now, expiresAt: options.expiresAt ?? null,
      sealedSecret: reversible ? tx.core.keyring.seal(secret, secretPlace(tx, id)) : null,
    },
  });
  return { ...view(row), secret };
}

/** Without the secrets themselves; oldest first. */
export async function listClientSecrets(context: InstanceContext, applicationId: string): Promise<ClientSecret[]> {
  const rows = await context.db.clientSecret.findMany({ where: { applicationId }, orderBy: { id: 'asc' } });
  return rows.map(view);
}

/** @throws Problem 404 */
export async function removeClientSecret(context: InstanceContext, applicationId: string, secretId: string): Promise<void> {
  await context.transaction(async (tx) => {
    await loadApplicationForUpdate(tx, applicationId);
    const row = await tx.db.clientSecret.findFirst({ where: { id: secretId, applicationId } });
    if (!row) throw secretNotFound();
    await tx.db.clientSecret.delete({ where: key(tx, secretId) });
    await append(tx, secretRemoved(applicationId, row));
    await announceApplication(tx, applicationId);
  });
  forgetApplication(context, applicationId);
}

/**
 * Whether a presented secret is a live one of the application. Compares with every live hash in constant time, so that
 * the time tells neither which nor how much of it was right. Without I/O when the application is known.
 */
export async function matchesClientSecret(context: InstanceContext, applicationId: string, presented: string): Promise<boolean> {
  const known = await findKnownApplication(context, applicationId);
  const hash = sha256(presented);
  const now = context.now();
  return (known?.secrets ?? [])
    .filter((secret) => secret.expiresAt === null || secret.expiresAt > now)
    .reduce((found, secret) => constantTimeEqual(secret.hash, hash) || found, false);
}

/** The live secrets themselves, newest first, for assertions under client_secret_jwt (RFC 7523); only what was kept for that. */
export async function openClientSecrets(context: InstanceContext, applicationId: string): Promise<string[]> {
  const known = await findKnownApplication(context, applicationId);
  const now = context.now();
  return (known?.secrets ?? [])
    .filter((secret) => secret.sealedSecret !== null && (secret.expiresAt === null || secret.expiresAt > now))
    .sort((left, right) => (left.id < right.id ? 1 : -1))
    .map((secret) => context.core.keyring.open(secret.sealedSecret ?? '', secretPlace(context, secret.id)).toString('utf8'));
}

/** Forgets the sealed copies when the application no longer needs them. Hashes stay. */
export async function dropSealedSecrets(tx: InstanceContext, applicationId: string): Promise<void> {
  await tx.db.clientSecret.updateMany({ where: { applicationId }, data: { sealedSecret: null } });
}

/** What a sealed secret is bound to: sealed text copied to another row does not open. */
export function secretPlace(context: { instance: { id: string } }, secretId: string): string {
  return `${context.instance.id}/ClientSecret/${secretId}/sealedSecret`;
}

/** Those that end sooner anyway keep their own end. */
async function endSecrets(tx: InstanceContext, applicationId: string, overlapSeconds: number): Promise<void> {
  const end = new Date(tx.now().getTime() + overlapSeconds * 1000);
  await tx.db.clientSecret.updateMany({ where: { applicationId, OR: [{ expiresAt: null }, { expiresAt: { gt: end } }] }, data: { expiresAt: end } });
}

function view(row: ClientSecretRow): ClientSecret {
  const { id, hint, createdAt, expiresAt } = row;
  return { id, hint, createdAt, expiresAt, reversible: row.sealedSecret !== null };
}
