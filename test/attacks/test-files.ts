/** The files that hold attack tests: found by reading the sources, so that none is forgotten. */
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '../..');

export interface SourceFile { readonly file: string; readonly text: string }

/** All TypeScript files below the folders, with paths from the root of the repository. */
export async function readSources(folders: readonly string[], wanted: (file: string) => boolean = () => true): Promise<SourceFile[]> {
  const files = await Promise.all(folders.map(async (folder) => (await readdir(path.join(root, folder), { recursive: true })).map((file) => path.join(folder, file))));
  return Promise.all(files.flat().filter((file) => file.endsWith('.ts') && !file.startsWith('src/generated') && wanted(file)).sort()
    .map(async (file) => ({ file, text: await readFile(path.join(root, file), 'utf8') })));
}

/** Test files with at least one test that is named after a row, and the rows that they name. */
export async function attackTestFiles(): Promise<{ file: string; ids: string[] }[]> {
  const tests = await readSources(['src', 'test'], (file) => file.endsWith('.test.ts'));
  return tests
    .map(({ file, text }) => ({ file, ids: [...text.matchAll(/['"`]attack: ([^\s'"`:(,]+)/g)].map(([, id = '']) => id) }))
    .filter(({ ids }) => ids.length > 0);
}
