/**
 * The FIDO metadata BLOB (MDS 3.0): which models there are, who vouches for them, what was reported of them. An
 * administrator uploads the file; nothing is downloaded.
 */
import { createHash, type X509Certificate } from 'node:crypto';
import { compactVerify, decodeProtectedHeader, errors } from 'jose';
import { z } from 'zod';
import { conflict, invalidParameters } from '../../core/errors.ts';
import { append } from '../../events/index.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import { leadsTo, readCertificate } from './certificates.ts';
import { passkeyMetadataRemoved, passkeyMetadataReplaced } from './events.ts';
import { metadataRoots } from './library.ts';

/** The file of the FIDO Alliance has 6 MB (2026). */
export const largestBlobBytes = 16 * 1_024 * 1_024;

/** Others hold certificates of the same authority: only this name speaks for the FIDO Alliance (MDS 3.0 §3.2). */
const allianceHost = 'mds.fidoalliance.org';

const headerSchema = z.object({ alg: z.enum(['RS256', 'ES256']), x5c: z.array(z.string()).min(1).max(10) });
const payloadSchema = z.object({
  no: z.int().min(0),
  nextUpdate: z.iso.date(),
  entries: z.array(z.object({
    aaguid: z.string().regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/).optional(),
    metadataStatement: z.object({ description: z.string(), attestationRootCertificates: z.array(z.string()).default([]) }).optional(),
    statusReports: z.array(z.object({ status: z.string() })).default([]),
  })).max(20_000),
});

export interface Model {
  readonly description: string;
  readonly statuses: readonly string[];
  /** base64 DER */
  readonly roots: readonly string[];
}

export const findModel = async (context: InstanceContext, aaguid: string): Promise<Model | undefined> =>
  await context.db.passkeyMetadataEntry.findUnique({ where: { instanceId_aaguid: { instanceId: context.instance.id, aaguid } } }) ?? undefined;

export interface MetadataView { readonly number: number; readonly nextUpdate: string; readonly rootHash: string; readonly models: number; readonly uploadedAt: Date }

export async function findMetadata(context: InstanceContext): Promise<MetadataView | undefined> {
  const row = await context.db.passkeyMetadata.findUnique({ where: { instanceId: context.instance.id } });
  if (!row) return undefined;
  const models = await context.db.passkeyMetadataEntry.count();
  return { number: row.number, nextUpdate: row.nextUpdate.toISOString().slice(0, 10), rootHash: row.rootHash, models, uploadedAt: row.uploadedAt };
}

/**
 * Takes a BLOB whose signature leads to `root` (PEM; undefined: those of the FIDO Alliance), in place of the present one.
 * @throws Problem 400 (not signed by whom it should be), 409 (not newer than the present one)
 */
export async function replaceMetadata(context: InstanceContext, blob: string, root: string | undefined): Promise<MetadataView> {
  const { payload, anchor } = await verifyBlob(context, blob, root);
  const rootHash = createHash('sha256').update(anchor.raw).digest('hex');
  const { instance: { id: instanceId } } = context;
  const entries = payload.entries.flatMap(({ aaguid, metadataStatement, statusReports }) => (aaguid === undefined || !metadataStatement ? [] : [{
    aaguid, description: metadataStatement.description.slice(0, 200), statuses: [...new Set(statusReports.map(({ status }) => status))],
    roots: metadataStatement.attestationRootCertificates.map((certificate) => certificate.replace(/\s/g, '')) }]));
  const models = new Map(entries.map((entry) => [entry.aaguid, entry]));
  await context.transaction(async (tx) => {
    const before = await tx.db.passkeyMetadata.findUnique({ where: { instanceId } });
    if (before && before.rootHash === rootHash && payload.no <= before.number) {
      throw conflict('Operation.Failure.Passkey.Metadata.Old', `The file has the number ${payload.no}, the present one ${before.number}. Only a newer one is taken; delete the present one first to go back.`);
    }
    const data = { number: payload.no, nextUpdate: new Date(payload.nextUpdate), rootHash, uploadedAt: tx.now() };
    await tx.db.passkeyMetadata.upsert({ where: { instanceId }, create: data, update: data });
    await tx.db.passkeyMetadataEntry.deleteMany({});
    await tx.db.passkeyMetadataEntry.createMany({ data: [...models.values()] });
    await append(tx, passkeyMetadataReplaced(instanceId, before ? { number: before.number } : undefined, { number: payload.no, nextUpdate: payload.nextUpdate, rootHash, models: models.size }));
  });
  const after = await findMetadata(context);
  if (!after) throw conflict('Operation.Failure.Passkey.Metadata.Old', 'The metadata was removed meanwhile.');
  return after;
}

/** False: there was none. */
export async function removeMetadata(context: InstanceContext): Promise<boolean> {
  return context.transaction(async (tx) => {
    const before = await tx.db.passkeyMetadata.findUnique({ where: { instanceId: tx.instance.id } });
    if (!before) return false;
    await tx.db.passkeyMetadataEntry.deleteMany({});
    await tx.db.passkeyMetadata.deleteMany({});
    await append(tx, passkeyMetadataRemoved(tx.instance.id, { number: before.number }));
    return true;
  });
}

async function verifyBlob(context: InstanceContext, blob: string, root: string | undefined): Promise<{ payload: z.infer<typeof payloadSchema>; anchor: X509Certificate }> {
  const refuse = (detail: string) => invalidParameters([{ field: 'blob', code: 'invalid', detail }]);
  const given = root === undefined ? undefined : readCertificate(root);
  if (root !== undefined && !given) throw invalidParameters([{ field: 'rootCertificate', code: 'invalid', detail: 'must be one certificate in PEM form' }]);
  const roots = given ? [given] : metadataRoots().flatMap((pem) => readCertificate(pem) ?? []);
  const header = headerSchema.safeParse(headerOf(blob)).data;
  if (!header) throw refuse('must be a JWT signed with RS256 or ES256, with its certificates in x5c');
  const path = header.x5c.flatMap((der) => readCertificate(der) ?? []);
  const [leaf] = path;
  const anchor = roots.find((candidate) => leadsTo([candidate], path, context.now()));
  if (!leaf || path.length !== header.x5c.length || !anchor) throw refuse('its certificates do not lead to the root certificate, or are out of their time');
  if (root === undefined && leaf.checkHost(allianceHost) === undefined) throw refuse(`its certificate is not one of ${allianceHost}`);
  try {
    const { payload } = await compactVerify(blob, leaf.publicKey, { algorithms: [header.alg] });
    const read = payloadSchema.safeParse(JSON.parse(Buffer.from(payload).toString('utf8')));
    if (!read.success) throw refuse('its payload is not that of FIDO metadata (MDS 3.0)');
    return { payload: read.data, anchor };
  } catch (error) {
    if (error instanceof errors.JOSEError || error instanceof SyntaxError || error instanceof TypeError) throw refuse('its signature is wrong');
    throw error;
  }
}

function headerOf(blob: string): unknown {
  try {
    return decodeProtectedHeader(blob);
  } catch {
    return undefined;
  }
}
