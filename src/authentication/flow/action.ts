/** What every action is made of: its input, what it can answer, and the few ways to write to a flow. */
import { Prisma } from '../../generated/prisma/client.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import type { Browser } from '../browsers.ts';
import type { Refusal } from '../factors/factor.ts';
import type { Notice, StepName } from '../types.ts';
import type { Decision } from './decide.ts';
import type { Situation } from './situation.ts';
import { advance, type FlowState, type Pending, release, sealPending } from './store.ts';
import type { Denied } from './verdicts.ts';

export interface Input {
  readonly situation: Situation;
  readonly decision: Decision;
  /** Undefined: a program holds the flow. */
  readonly browser: Browser | undefined;
  readonly fields: Readonly<Record<string, string>>;
  /** The part of `do` before the dot. */
  readonly method: string;
}

export type ActionResult =
  /** Refused, or not possible here: the page says where things stand. */
  | { readonly kind: 'page'; readonly refused?: boolean }
  /** Accepted. */
  | { readonly kind: 'go on' }
  /** Another request is at work or was faster. */
  | { readonly kind: 'changed' }
  | { readonly kind: 'cancelled' }
  /** The last attempt was wrong. */
  | { readonly kind: 'used up' }
  /** The person leaves a flow that cannot go on. */
  | { readonly kind: 'denied'; readonly denied: Denied }
  | { readonly kind: 'redirect'; readonly location: string; readonly setCookies: readonly string[] };

export type Action = (context: InstanceContext, input: Input) => Promise<ActionResult>;

export const page = { kind: 'page' } as const satisfies ActionResult;
/** The flow's notice says why. */
export const refused = { kind: 'page', refused: true } as const satisfies ActionResult;
export const accepted = (done: boolean): ActionResult => (done ? { kind: 'go on' } : { kind: 'changed' });
export const isAt = (decision: Decision, ...steps: readonly StepName[]) => decision.kind === 'step' && steps.includes(decision.step);

/** An input that was refused without a check: said on the page, nothing is spent. */
export async function refuse(context: InstanceContext, flow: FlowState, notice: Notice): Promise<ActionResult> {
  await advance(context, flow, { notice: writeNotice(notice) });
  return refused;
}

/** When the check itself fails (the hashing queue is full), nothing was tried and nothing is spent. */
export async function orGiveBack<Result>(context: InstanceContext, flow: FlowState, busyToken: string, check: () => Promise<Result>): Promise<Result> {
  try {
    return await check();
  } catch (error) {
    await release(context, flow, busyToken, givenBack);
    throw error;
  }
}

/** Keeps more of what waits for the end of the flow. */
export const pendingWith = (context: InstanceContext, flow: FlowState, more: Partial<Pending>): string =>
  sealPending(context, flow.id, { ...flow.pending, ...more, features: { ...flow.pending.features, ...more.features } });

/** The same for what waits for one feature. */
export const pendingFor = (context: InstanceContext, flow: FlowState, feature: string, value: unknown): string =>
  pendingWith(context, flow, { features: { [feature]: value } });

export const noticeOf = (refusal: Refusal): Notice => ({
  code: refusal.code, ...(refusal.field && { field: refusal.field }), ...(refusal.retryAt && { retryAt: refusal.retryAt.toISOString() }) });

export const nothing = Prisma.DbNull;
export const givenBack = { attemptsLeft: { increment: 1 } } as const;
export const writeNotice = (notice: Notice): Prisma.InputJsonObject => ({ ...notice });
