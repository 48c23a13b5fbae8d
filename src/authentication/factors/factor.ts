/** What every way to prove who one is looks like: describe, prepare, verify. One file each; index.ts lists them. */
import type { z } from 'zod';
import type { InstanceContext } from '../../tenancy/index.ts';
import type { Facts } from '../flow/facts.ts';
import type { Pending } from '../flow/store.ts';
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

/** `identify`: it needs no name before (a source outside, a passkey that says whose it is). */
export type FactorStep = 'identify' | 'first_factor' | 'second_factor';

/** What was chosen to be prepared. */
export interface Choice {
  readonly credentialId: string | undefined;
  /** Everything that was posted. */
  readonly fields: Readonly<Record<string, string>>;
}

export interface Verified {
  readonly proof: Proof;
  /** Undefined: nobody that is known here (the first sign-in from outside); what follows from it is in `pending`. */
  readonly userId: string | undefined;
  /** Waits for the end of the flow. */
  readonly pending?: Partial<Pending>;
}

interface Described {
  readonly method: Method;
  /** What its proofs are worth, to know which levels can be reached at all. */
  readonly categories: Proof['categories'];
  readonly phishingResistant: boolean;
  /** Where it can be used at all; whether an instance offers it there is said by `describe`. */
  readonly steps: readonly FactorStep[];
  /**
   * What a page or client needs to draw this method, one view for each way to answer it (each phone number); empty: not
   * offered. Before the first proof it must not look at the user.
   */
  describe(context: InstanceContext, facts: Facts, step: FactorStep): Promise<readonly MethodView[]>;
  /** Sends the code or makes the challenge (`do` = `{method}.prepare`): the same writes and the same answer for who does not exist. */
  prepare?(context: InstanceContext, facts: Facts, choice: Choice): Promise<Refusal | undefined>;
}

export interface Factor<Input> extends Described {
  /** The one source of the OpenAPI schema and of what a form may send. */
  readonly input: z.ZodType<Input>;
  /** Checks, in the same steps for an account that does not exist. Wrong input is a Refusal. @throws Problem 503 when it cannot check */
  verify(context: InstanceContext, facts: Facts, input: Input): Promise<Verified | Refusal>;
}

/** One of many factors: its input is read by its own schema, so nobody else can name its type. */
export interface AnyFactor extends Described {
  readonly input: z.ZodType;
  verify(context: InstanceContext, facts: Facts, input: never): Promise<Verified | Refusal>;
}

export const isRefusal = (result: object): result is Refusal => 'code' in result;
