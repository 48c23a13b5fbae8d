/**
 * Logos: decoded and encoded again as PNG, so that nothing of what was uploaded but its pixels reaches a browser.
 * Never SVG, HTML or a file that is two things at once.
 */
import { createHash } from 'node:crypto';
import { append } from '../events/index.ts';
import type { Instance, InstanceContext } from './context.ts';
import { imageRefused, imageTypeRefused } from './errors.ts';
import * as events from './events.ts';
import { changeInstance, toInstance } from './instances.ts';
import type { StoredObject } from './stored-values.ts';

export const largestLogoBytes = 512 * 1024;
export const logoTypes = ['image/png', 'image/jpeg', 'image/webp'] as const;

/** A logo is shown at a fraction of this; the limit is for what decoding may cost: 64 MB. */
const mostPixels = 16_000_000;
const shownAt = { width: 512, height: 256 };

/** Stores the logo and points the branding at it. @throws Problem 415 for another type than it says, 400 for a broken image */
export async function setLogo(context: InstanceContext, upload: Buffer, mediaType: string): Promise<Instance> {
  const content = await encodeImage(upload, mediaType);
  const hash = createHash('sha256').update(content).digest('hex');
  return changeLogo(context, hash, content);
}

/** Back to no logo. */
export function removeLogo(context: InstanceContext): Promise<Instance> {
  return changeLogo(context, null);
}

/** The bytes of an image of this instance. */
export async function findImage(context: InstanceContext, hash: string): Promise<Uint8Array | undefined> {
  const image = await context.db.instanceImage.findUnique({ where: { instanceId_hash: { instanceId: context.instance.id, hash } } });
  return image?.content;
}

function changeLogo(context: InstanceContext, logoHash: string | null, content?: Buffer): Promise<Instance> {
  return changeInstance(context, async (tx, row) => {
    const before = row.branding as StoredObject;
    const branding = { ...before, logoHash };
    const changed = await tx.db.instance.update({ where: { id: row.id }, data: { branding } });
    await tx.db.instanceImage.deleteMany({ where: { hash: { not: logoHash ?? '' } } });
    if (logoHash !== null && content) {
      await tx.db.instanceImage.createMany({ data: [{ hash: logoHash, contentType: 'image/png', content: new Uint8Array(content) }], skipDuplicates: true });
    }
    await append(tx, events.brandingChanged(row.id, { before: { logoHash: before['logoHash'] ?? null }, after: { logoHash } }));
    return toInstance(tx.core, changed);
  });
}

/** The image as a PNG of pixels alone. @throws Problem 415 for another type than it says, 400 for a broken image */
export async function encodeImage(upload: Buffer, mediaType: string): Promise<Buffer> {
  if (wholeImageType(upload) !== mediaType) throw imageTypeRefused();
  const { default: sharp } = await import('sharp');   // some 20 MB that most servers never need
  try {
    return await sharp(upload, { limitInputPixels: mostPixels, failOn: 'error', pages: 1 })
      .timeout({ seconds: 5 })
      .rotate()                                       // as its EXIF data says, which is left out
      .resize({ ...shownAt, fit: 'inside', withoutEnlargement: true })
      .png({ compressionLevel: 9 })
      .toBuffer();
  } catch (error) {
    throw imageRefused(`The image cannot be read, or has more than ${mostPixels / 1e6} million pixels (${error instanceof Error ? error.message.slice(0, 120) : 'unknown'}).`);
  }
}

/** The media type of a file that is one image from its first to its last byte, by its own structure. */
export function wholeImageType(file: Buffer): (typeof logoTypes)[number] | undefined {
  if (isWholePng(file)) return 'image/png';
  if (file.length > 4 && file.readUInt16BE(0) === 0xffd8 && file.readUInt16BE(file.length - 2) === 0xffd9) return 'image/jpeg';
  if (file.length > 16 && file.toString('latin1', 0, 4) === 'RIFF' && file.toString('latin1', 8, 12) === 'WEBP' && file.readUInt32LE(4) + 8 === file.length) return 'image/webp';
  return undefined;
}

/** Chunk by chunk to an IEND that ends the file (PNG §5.3). */
function isWholePng(file: Buffer): boolean {
  if (file.toString('latin1', 0, 8) !== '\x89PNG\r\n\x1a\n') return false;
  for (let at = 8; at + 12 <= file.length; ) {
    const next = at + 12 + file.readUInt32BE(at);
    if (file.toString('latin1', at + 4, at + 8) === 'IEND') return next === file.length;
    at = next;
  }
  return false;
}
