/** The same calls in a small and a large instance, in turn, one at a time: what is measured is the call, not the queue. */
import type pg from 'pg';
import { encodeCursor } from '../../src/core/http/paging.ts';
import type { Keyring } from '../../src/core/keyring.ts';
import { quantile } from '../statistics.ts';
import type { Call } from './caller.ts';
import { familyName, givenName } from './names.ts';

export interface Side {
  readonly instanceId: string;
  readonly users: number;
  readonly client: pg.Client;
  readonly keyring: Keyring;
  readonly call: Call;
}

interface Spread { readonly fastest: number; readonly p50: number; readonly p99: number }
export interface MeasuredCall { readonly name: string; readonly small: Spread; readonly large: Spread }

/** As many as a page of the API has unless it is asked for others. */
const pageLength = 50;
const warmUps = 40;

interface Kind { readonly name: string; prepare(side: Side, calls: number): Promise<string[]> | string[] }

const kinds: readonly Kind[] = [
  { name: 'effective roles of a user', prepare: async (side, calls) => (await userIds(side, calls)).map((id) => `/users/${id}/application-roles`) },
  { name: 'a user', prepare: async (side, calls) => (await userIds(side, calls)).map((id) => `/users/${id}`) },
  { name: 'search by prefix', prepare: (side, calls) => terms(side, calls).map(({ prefix }) => `/users?startsWith=${encodeURIComponent(prefix)}&limit=${pageLength}`) },
  { name: 'search by substring', prepare: (side, calls) => terms(side, calls).map(({ part }) => `/users?search=${encodeURIComponent(part)}&limit=${pageLength}`) },
  { name: 'list, page 1', prepare: (_side, calls) => Array<string>(calls).fill(`/users?limit=${pageLength}`) },
  { name: 'list, page 10,000 or last', prepare: deepPages },
  { name: 'members of a group', prepare: async (side, calls) => (await idsOf(side, 'Group', calls)).map((id) => `/groups/${id}/members?limit=${pageLength}`) },
];

export async function measureCalls(small: Side, large: Side, calls: number): Promise<MeasuredCall[]> {
  const measured: MeasuredCall[] = [];
  for (const { name, prepare } of kinds) {
    process.stderr.write(`measuring: ${name}\n`);
    const targets = { small: await prepare(small, calls + warmUps), large: await prepare(large, calls + warmUps) };
    const times = { small: [] as number[], large: [] as number[] };
    for (let index = 0; index < calls + warmUps; index += 1) {
      for (const [side, key] of [[small, 'small'], [large, 'large']] as const) {
        const { milliseconds } = await side.call('GET', targets[key][index % targets[key].length] ?? '');
        if (index >= warmUps) times[key].push(milliseconds);
      }
    }
    measured.push({ name, small: spreadOf(times.small), large: spreadOf(times.large) });
  }
  return measured;
}

function spreadOf(times: number[]): Spread {
  const sorted = times.sort((left, right) => left - right);
  return { fastest: sorted[0] ?? NaN, p50: quantile(sorted, 0.5), p99: quantile(sorted, 0.99) };
}

/** Spread over all of them, each asked once where there are enough. */
async function userIds({ client, instanceId, users }: Side, count: number): Promise<string[]> {
  const wanted = Array.from({ length: count }, (_value, index) => `E${Math.floor((index * 0.618_034 % 1) * users)}`);
  const { rows } = await client.query<{ id: string; externalId: string }>(`SELECT id, "externalId" FROM "User" WHERE "instanceId" = $1 AND "externalId" = ANY ($2)`, [instanceId, wanted]);
  const byExternalId = new Map(rows.map(({ id, externalId }) => [externalId, id]));
  return wanted.flatMap((externalId) => byExternalId.get(externalId) ?? []);
}

async function idsOf({ client, instanceId }: Side, name: 'Group', count: number): Promise<string[]> {
  return (await client.query<{ id: string }>(`SELECT id FROM "${name}" WHERE "instanceId" = $1 ORDER BY md5(id) LIMIT $2`, [instanceId, count])).rows.map(({ id }) => id);
}

/** What many have, what few have and what one has, of people who are in both instances. */
function terms(_side: Side, count: number): { prefix: string; part: string }[] {
  return Array.from({ length: count }, (_value, index) => {
    const user = (index * 7_919) % 9_000;
    const [given, family] = [givenName(user).toLowerCase(), familyName(user).toLowerCase()];
    switch (index % 4) {
      case 0: return { prefix: given.slice(0, 3), part: family.slice(1, 5) };
      case 1: return { prefix: `${given}.${family}`, part: `${given} ${family}` };
      case 2: return { prefix: `${given}.${family}.${user}`, part: `${family}.${user}@` };
      default: return { prefix: `+4915${100_000_000 + user}`.slice(0, 12), part: String(100_000_000 + user).slice(2) };
    }
  });
}

/** Pages around the ten-thousandth, or the last one. The cursor is made as the server makes it: a wrong one is refused. */
async function deepPages(side: Side, calls: number): Promise<string[]> {
  const { client, instanceId, users, keyring } = side;
  const offset = Math.max(0, Math.min(10_000 * pageLength, users - 2 * pageLength) - 20);
  const { rows } = await client.query<{ id: string }>(`SELECT id FROM "User" WHERE "instanceId" = $1 ORDER BY id OFFSET $2 LIMIT 20`, [instanceId, offset]);
  const scope = `${instanceId}\nusers\n${JSON.stringify([{}, 'id', 'asc'])}`;
  const pages = rows.map(({ id }) => `/users?limit=${pageLength}&cursor=${encodeURIComponent(encodeCursor(keyring, scope, [id]))}`);
  return Array.from({ length: calls }, (_value, index) => pages[index % pages.length] ?? '');
}
