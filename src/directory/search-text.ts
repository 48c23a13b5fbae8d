import type { InstanceContext } from '../tenancy/index.ts';

/** Folds as the database folds the text that is searched ("user_search_fold"). */
export async function foldSearchText(context: InstanceContext, text: string): Promise<string> {
  if (/^[\x20-\x7E]*$/.test(text)) return text.toLowerCase();
  const [row] = await context.db.$queryRaw<{ folded: string | null }[]>`SELECT "user_search_fold"(${text}) AS "folded"`;
  return row?.folded ?? '';
}
