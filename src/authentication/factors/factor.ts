/** What every way to prove who one is looks like: describe, prepare, verify. One file each; index.ts lists them. */
import type { z } from 'zod';
import type { InstanceContext } from '../../tenancy/index.ts';
import type { Facts } from '../flow/facts.ts';
import type { Method, MethodView, Proof } from '../types.ts';

/** Wrong input. `code` is for the caller; the rest is for the event log. */
export interface Refusal {
  readonly code: string;
  readonly field?: string;
  readonly retryAt?: Date;
  /** The attempt was not checked at all, so it costs nothing. */
  readonly unchecked?: boolean;
  /** The account that was tried, where there is one. */
  readonly userId?: string;
}

export type Verified = { readonly proof: Proof; readonly userId: string };

export interface Factor<Input> {
  readonly method: Method;
  /** What its proofs are worth, to know which levels can be reached at all. */
  readonly categories: Proof['categories'];
  readonly phishingResistant: boolean;
  /** The one source of the OpenAPI schema and of what a form may send. */
  readonly input: z.ZodType<Input>;
  /** What a page or client needs to draw this method; undefined: not offered. Before the first proof it must not look at the user. */
  describe(context: InstanceContext, facts: Facts): Promise<MethodView | undefined>;
  /** Checks, in the same steps for an account that does not exist. Wrong input is a Refusal. @throws Problem 503 when it cannot check */
  verify(context: InstanceContext, facts: Facts, input: Input): Promise<Verified | Refusal>;
}

export const isRefusal = (result: Verified | Refusal): result is Refusal => 'code' in result;
