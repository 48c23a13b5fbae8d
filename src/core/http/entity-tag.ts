/** Optimistic concurrency by ETag and If-Match (RFC 9110 §8.8.3, §13.1.1): the tag of a resource is its version. */
import { z } from 'zod';
import { invalidParameters, versionMismatch } from '../errors.ts';

export const entityTag = (version: number) => `"${version}"`;

/**
 * Compares If-Match with the current version. Absent or `*`: no condition.
 * @throws Problem 412 when the resource was changed meanwhile, 400 when the header is not an entity tag
 */
export function checkEntityTag(ifMatch: string | undefined, version: number): void {
  if (ifMatch === undefined || ifMatch.trim() === '*') return;
  const tags = ifMatch.split(',').map((tag) => tag.trim());
  if (!tags.every((tag) => /^(W\/)?"[^"]*"$/.test(tag))) {
    throw invalidParameters([{ field: 'If-Match', code: 'invalid', detail: 'must be the ETag of the last answer, with its quotes, such as "3"' }]);
  }
  if (!tags.includes(entityTag(version))) throw versionMismatch();
}

/** For the schema of routes that honour If-Match; other headers pass. */
export const ifMatchHeader = z.looseObject({
  'if-match': z.string().max(200).optional().describe('The ETag of the version that the change is meant for; 412 when it is older.'),
});
