/**
 * Pairwise subjects (OpenID Connect Core §8.1): another `sub` for each sector. The salt must outlive every key
 * rotation, or all applications would lose all their users: so it is a row of its own and not derived from the master key.
 */
import { createHmac } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { perCore } from '../../core/core.ts';
import { randomToken } from '../../core/secrets.ts';
import type { InstanceContext } from '../../tenancy/index.ts';

const salts = perCore(() => new LRUCache<string, string>({ max: 2_000 }));

/** The subject by which an application's sector knows a user. */
export async function pairwiseSubject(context: InstanceContext, userId: string, client: { readonly sectorIdentifier?: string | undefined } | object): Promise<string> {
  const sector = 'sectorIdentifier' in client ? client.sectorIdentifier : undefined;
  if (sector === undefined) throw new Error('a pairwise client has a sector');
  return createHmac('sha256', await saltOf(context)).update(`${sector}\n${userId}`).digest('base64url');
}

async function saltOf(context: InstanceContext): Promise<string> {
  const kept = salts(context.core).get(context.instance.id);
  if (kept !== undefined) return kept;
  await context.db.oidcRecord.createMany({ data: [{ model: 'PairwiseSalt', id: 'salt', payload: { salt: randomToken() } }], skipDuplicates: true });
  const row = await context.db.oidcRecord.findUniqueOrThrow({ where: { instanceId_model_id: { instanceId: context.instance.id, model: 'PairwiseSalt', id: 'salt' } } });
  const { salt } = row.payload as { salt: string };
  salts(context.core).set(context.instance.id, salt);
  return salt;
}
