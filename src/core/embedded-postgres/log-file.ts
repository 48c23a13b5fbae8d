import { copyFile, stat, truncate } from 'node:fs/promises';

/**
 * Keeps PostgreSQL's log within bounds: beyond `maxBytes` it moves to `<path>.1`, over the one before.
 * Copied and emptied in place, because PostgreSQL goes on appending to the file it was given.
 */
export async function trimLogFile(path: string, maxBytes = 8 * 1024 * 1024): Promise<void> {
  const size = await stat(path).then((found) => found.size, () => 0);
  if (size <= maxBytes) return;
  await copyFile(path, `${path}.1`);
  await truncate(path);
}
