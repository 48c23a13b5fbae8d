/**
 * What is used, added up in memory and written by one statement a second: a call costs an addition. A server that is
 * killed loses the last second of it; one that stops writes it first. While the database is away it is kept.
 */
import { LRUCache } from 'lru-cache';
import { type Core, perCore } from '../../core/core.ts';
import type { DistinctQuota, MonthlyQuota } from './quotas.ts';

export interface UsageKey { readonly instanceId: string; readonly month: string; readonly quota: MonthlyQuota | DistinctQuota }

export interface UsageMeter {
  add(key: UsageKey, count: number): void;
  /** Counts `subjectId` once in the month. */
  see(key: UsageKey, subjectId: string): void;
  /** Whether this server knows that it was counted. */
  hasSeen(key: UsageKey, subjectId: string): boolean;
  noteSeen(key: UsageKey, subjectId: string): void;
  /** Calls `work` before each writing: what it adds is written with it. */
  beforeFlush(work: () => void): void;
  /** Writes what was added up so far. */
  flush(): Promise<void>;
  /** Writes the rest, and no more. */
  stop(): Promise<void>;
}

const flushEveryMs = 1_000;
/** Subjects that are known to be counted: they cost no row a second time. */
const subjectsKept = 20_000;

export const usageMeter = perCore(createUsageMeter);

function createUsageMeter(core: Core): UsageMeter {
  const sums = new Map<string, { key: UsageKey; count: number }>();
  let subjects = new Map<string, { key: UsageKey; subjectId: string }>();
  const seen = new LRUCache<string, true>({ max: subjectsKept });
  const preparations: (() => void)[] = [];
  let timer: NodeJS.Timeout | undefined;
  let flushing: Promise<void> = Promise.resolve();
  let stopped = false;

  function start(): void {
    if (timer || stopped) return;
    timer = setInterval(() => { void flush(); }, flushEveryMs);
    timer.unref();
  }

  function add(key: UsageKey, count: number): void {
    const name = nameOf(key);
    const sum = sums.get(name);
    if (sum) sum.count += count;
    else sums.set(name, { key, count });
    start();
  }

  async function write(): Promise<void> {
    for (const prepare of preparations) prepare();
    const added = [...sums.values()].filter(({ count }) => count !== 0);
    const met = [...subjects.entries()];
    sums.clear();
    subjects = new Map();
    if (added.length === 0 && met.length === 0) return;
    try {
      await writeUsage(core, added, met.map(([, each]) => each));
      for (const [name] of met) seen.set(name, true);
    } catch (error) {
      for (const { key, count } of added) add(key, count);
      for (const [name, each] of met) subjects.set(name, each);
      core.log.warn({ err: error }, 'What was used could not be written; it is kept and written later');
    }
  }

  function flush(): Promise<void> {
    flushing = flushing.then(write);
    return flushing;
  }

  return {
    add,
    see(key, subjectId) {
      const name = subjectName(key, subjectId);
      if (seen.has(name) || subjects.has(name)) return;
      subjects.set(name, { key, subjectId });
      start();
    },
    hasSeen: (key, subjectId) => seen.get(subjectName(key, subjectId)) === true,
    noteSeen: (key, subjectId) => { seen.set(subjectName(key, subjectId), true); },
    beforeFlush: (work) => { preparations.push(work); },
    flush,
    async stop() {
      stopped = true;
      clearInterval(timer);
      await flush();
    },
  };
}

/** Neither instance, month nor quota holds a NUL. */
export const nameOf = ({ instanceId, month, quota }: UsageKey): string => `${instanceId}\0${month}\0${quota}`;
const subjectName = (key: UsageKey, subjectId: string) => `${nameOf(key)}\0${subjectId}`;

/** In one order, so that two servers cannot deadlock. */
async function writeUsage(core: Core, added: readonly { key: UsageKey; count: number }[], met: readonly { key: UsageKey; subjectId: string }[]): Promise<void> {
  const subjects = met.map(({ key: { instanceId, month, quota }, subjectId }) => ({ instanceId, month, quota, subjectId }));
  const sums = added.map(({ key: { instanceId, month, quota }, count }) => ({ instanceId, month, quota, count }));
  await core.database.$executeRaw`
    WITH "seen" AS (
      INSERT INTO "MonthlyUsageSubject" ("instanceId", "month", "quota", "subjectId")
      SELECT "instanceId", "month", "quota", "subjectId"
        FROM jsonb_to_recordset(${JSON.stringify(subjects)}::jsonb) AS s("instanceId" text, "month" text, "quota" text, "subjectId" text)
       ORDER BY 1, 2, 3, 4
      ON CONFLICT DO NOTHING
      RETURNING "instanceId", "month", "quota"),
    "added" AS (
      SELECT "instanceId", "month", "quota", sum("count") AS "count" FROM (
        SELECT "instanceId", "month", "quota", "count" FROM jsonb_to_recordset(${JSON.stringify(sums)}::jsonb) AS c("instanceId" text, "month" text, "quota" text, "count" bigint)
        UNION ALL SELECT "instanceId", "month", "quota", 1 FROM "seen") AS "all"
       GROUP BY 1, 2, 3)
    INSERT INTO "MonthlyUsage" AS "usage" ("instanceId", "month", "quota", "used")
    SELECT "instanceId", "month", "quota", "count" FROM "added" ORDER BY 1, 2, 3
    ON CONFLICT ("instanceId", "month", "quota") DO UPDATE SET "used" = "usage"."used" + EXCLUDED."used"`;
}
