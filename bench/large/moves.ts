/** Moves of the unit with the most users below it, there and back, while people sign in. */
import { median } from '../statistics.ts';
import type { Side } from './calls.ts';
import { signingIn } from './seed.ts';

export interface Moves {
  readonly users: number;
  readonly moveMs: readonly number[];
  readonly atATime: number;
  /** A sign-in while nothing moves. */
  readonly quietMs: number;
  readonly slowestDuringMs: number;
  /** Sign-ins that were under way during a move. */
  readonly during: number;
}

const rounds = 3;
/** Sign-ins at a time: an argon2 takes a core. */
const people = 2;

export async function measureMoves({ client, instanceId, call }: Side, signIn: (username: string) => Promise<number>): Promise<Moves> {
  process.stderr.write('measuring: moves\n');
  const { rows: tops } = await client.query<{ id: string; name: string }>(
    `SELECT id, name FROM "OrganizationalUnit" WHERE "instanceId" = $1 AND "parentId" = 'ou_root' ORDER BY id`, [instanceId]);
  const [first, last] = [tops[0], tops.at(-1)];
  if (!first || !last) throw new Error('there are no units');
  const { rows: [below] } = await client.query<{ users: string }>(`
    SELECT count(*) AS users FROM "OrganizationalUnitMember" m JOIN "OrganizationalUnit" o ON o."instanceId" = m."instanceId" AND o.id = m."organizationalUnitId"
     WHERE m."instanceId" = $1 AND o.path LIKE $2`, [instanceId, `/ou_root/${first.id}/%`]);

  const quiet: number[] = [];
  for (let turn = 0; turn < signingIn.length; turn += people) quiet.push(...await Promise.all(signingIn.slice(turn, turn + people).map(signIn)));
  const spans: { from: number; to: number }[] = [];
  let moving = true;
  const sign = async (place: number) => {
    for (let turn = place; moving; turn += people) {
      const from = performance.now();
      await signIn(signingIn[turn % signingIn.length] ?? '');
      spans.push({ from, to: performance.now() });
    }
  };
  const signs = Array.from({ length: people }, (_value, place) => sign(place));
  const moves: { from: number; to: number }[] = [];
  try {
    for (let round = 0; round < rounds; round += 1) {
      for (const parentId of [last.id, 'ou_root']) {
        const from = performance.now();
        await call('POST', `/organizational-units/${first.id}/move`, { parentId });
        moves.push({ from, to: performance.now() });
        await new Promise((resolve) => { setTimeout(resolve, 300); });
      }
    }
  } finally {
    moving = false;
    await Promise.all(signs);
  }
  const during = spans.filter((span) => moves.some((move) => span.from < move.to && move.from < span.to));
  return {
    users: Number(below?.users ?? 0), atATime: people, moveMs: moves.map(({ from, to }) => to - from), quietMs: median(quiet),
    slowestDuringMs: Math.max(...during.map(({ from, to }) => to - from)), during: during.length,
  };
}
