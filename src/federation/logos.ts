/** Logos of sources, encoded again as those of the branding are, so that nothing of what was uploaded but pixels is shown. */
import { createHash } from 'node:crypto';
import { append } from '../events/index.ts';
import { encodeImage, key, type InstanceContext } from '../tenancy/index.ts';
import * as events from './events.ts';
import { fromRow, type IdentitySource } from './source.ts';
import { announceSources, forgetSources } from './source-cache.ts';
import { readSource } from './sources.ts';

/** Null removes it. @throws Problem 404, 415 for another type than it says, 400 for a broken image */
export async function setSourceLogo(context: InstanceContext, sourceId: string, upload: { image: Buffer; mediaType: string } | null): Promise<IdentitySource> {
  await readSource(context, sourceId);
  const logo = upload && await encodeImage(upload.image, upload.mediaType);
  const changed = await context.transaction(async (tx) => {
    const before = await readSource(tx, sourceId);
    const after = fromRow(await tx.db.identitySource.update({
      where: key(tx, sourceId), omit: { logo: true },
      data: { logo: logo && new Uint8Array(logo), logoHash: logo && createHash('sha256').update(logo).digest('hex'), version: { increment: 1 }, updatedAt: tx.now() } }));
    await append(tx, events.sourceUpdated(before, after));
    await announceSources(tx);
    return after;
  });
  forgetSources(context);
  return changed;
}

/** The bytes of the PNG. */
export async function findSourceLogo(context: InstanceContext, sourceId: string, hash: string): Promise<Uint8Array | undefined> {
  const row = await context.db.identitySource.findFirst({ where: { id: sourceId, logoHash: hash }, select: { logo: true } });
  return row?.logo ?? undefined;
}

export const logoAddress = (context: InstanceContext, { id, logoHash }: IdentitySource): string | null =>
  (logoHash === null ? null : `${context.instance.issuer}/assets/sources/${id}/${logoHash}.png`);
