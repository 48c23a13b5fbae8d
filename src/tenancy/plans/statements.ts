/** What a month used and costs. Of a month that is over it is kept as it was closed; the current one is provisional. */
import { decodeCursor, pageFrom } from '../../core/http/paging.ts';
import { append } from '../../events/index.ts';
import type { MonthlyStatement, Prisma } from '../../generated/prisma/client.ts';
import type { InstanceContext } from '../context.ts';
import { readAssignment } from './assignment.ts';
import { countRows } from './counts.ts';
import { statementNotFound } from './errors.ts';
import * as events from './events.ts';
import { amountOf, formatAmount } from './money.ts';
import { monthOf, shiftMonth, startOfMonth } from './months.ts';
import { type Plan, termsOf } from './plan.ts';
import { type CountedQuota, kindOf, type Quota, quotaNames } from './quotas.ts';
import { readCount, readMonthlyUsage } from './usage.ts';

export interface StatementLine {
  readonly quota: Quota;
  readonly used: number;
  /** The free part; null: all of it. */
  readonly included: number | null;
  readonly billed: number;
  readonly price: string | null;
  /** Rounded to the currency's smallest unit, half of one up. */
  readonly amount: string;
}

export interface Statement {
  readonly month: string;
  readonly status: 'provisional' | 'closed';
  readonly plan: { readonly id: string; readonly name: string };
  readonly currency: string;
  readonly lines: readonly StatementLine[];
  /** The sum of the rounded amounts. */
  readonly total: string;
  readonly closedAt: Date | null;
}

/** A line of each quota that can be billed, and their sum. */
export function billUsage(plan: Plan, used: ReadonlyMap<Quota, number>): { lines: StatementLine[]; total: string } {
  let total = 0n;
  const lines = quotaNames.filter((quota) => kindOf(quota) !== 'rate').map((quota): StatementLine => {
    const { included, price } = termsOf(plan, quota);
    const count = used.get(quota) ?? 0;
    const billed = price === null ? 0 : Math.max(0, count - (included ?? count));
    const amount = price === null ? 0n : amountOf(BigInt(billed), price, plan.currency);
    total += amount;
    return { quota, used: count, included, billed, price, amount: formatAmount(amount, plan.currency) };
  });
  return { lines, total: formatAmount(total, plan.currency) };
}

/** @throws Problem 404 for a month without a statement */
export async function readStatement(context: InstanceContext, month: string): Promise<Statement> {
  const row = await context.db.monthlyStatement.findUnique({ where: { instanceId_month: { instanceId: context.instance.id, month } } });
  if (row) return fromRow(row);
  if (!(await openMonths(context)).includes(month)) throw statementNotFound();
  const { plan } = await readAssignment(context);
  const used = await readUsed(context, month, async (quota) => (await readCount(context, plan, quota)).used);
  return { month, status: 'provisional', plan, currency: plan.currency, ...billUsage(plan, used), closedAt: null };
}

/** Latest first: the open ones, then those that are closed. */
export async function listStatements(context: InstanceContext, { limit, cursor }: { limit: number; cursor?: string | undefined }): Promise<{ items: Statement[]; next: string | null }> {
  const { keyring } = context.core;
  const scope = `${context.instance.id}\nstatements`;
  const before = String(decodeCursor(keyring, scope, cursor)?.[0] ?? '~');      // after every month
  const closed = await context.db.monthlyStatement.findMany({ where: { month: { lt: before } }, orderBy: { month: 'desc' }, take: limit + 1 });
  const open: Statement[] = [];
  for (const month of await openMonths(context)) if (month < before) open.push(await readStatement(context, month));
  return pageFrom(keyring, scope, [...open, ...closed.map(fromRow)], limit, ({ month }) => [month]);
}

/** Writes the statement of a month that is over; once, whoever else tries. */
export async function closeMonth(context: InstanceContext, month: string): Promise<void> {
  await context.transaction(async (tx) => {
    const { plan } = await readAssignment(tx);
    const { lines, total } = billUsage(plan, await readUsed(tx, month, (quota) => countRows(tx, quota)));
    const { count } = await tx.db.monthlyStatement.createMany({
      data: [{ instanceId: tx.instance.id, month, planId: plan.id, planName: plan.name, currency: plan.currency, lines: lines as unknown as Prisma.InputJsonArray, total, closedAt: tx.now() }], skipDuplicates: true,
    });
    if (count === 1) await append(tx, events.statementClosed(tx.instance.id, { month, planId: plan.id, currency: plan.currency, total }));
  });
}

async function readUsed(context: InstanceContext, month: string, count: (quota: CountedQuota) => Promise<number>): Promise<Map<Quota, number>> {
  const monthly = await readMonthlyUsage(context, month);
  const used = new Map<Quota, number>();
  for (const quota of quotaNames) used.set(quota, kindOf(quota) === 'counted' ? await count(quota as CountedQuota) : monthly.get(quota) ?? 0);
  return used;
}

/** The current month, and the one before until it is closed. */
async function openMonths(context: InstanceContext): Promise<string[]> {
  const current = monthOf(context.now());
  const previous = shiftMonth(current, -1);
  const instance = await context.db.instance.findUnique({ where: { id: context.instance.id }, select: { createdAt: true } });
  const closed = await context.db.monthlyStatement.findUnique({ where: { instanceId_month: { instanceId: context.instance.id, month: previous } }, select: { month: true } });
  return closed || !instance || instance.createdAt >= startOfMonth(current) ? [current] : [current, previous];
}

function fromRow(row: MonthlyStatement): Statement {
  return {
    month: row.month, status: 'closed', plan: { id: row.planId, name: row.planName }, currency: row.currency,
    lines: row.lines as unknown as StatementLine[], total: row.total, closedAt: row.closedAt,
  };
}
