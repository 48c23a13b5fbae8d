/** What every kind of credential that a person can make looks like. One file each; index.ts lists them. */
import type { z } from 'zod';
import type { InstanceContext } from '../../tenancy/index.ts';
import type { Choice, Refusal } from '../factors/factor.ts';
import type { Facts } from '../flow/facts.ts';
import type { CredentialView, Method, MethodView, Proof } from '../types.ts';

/** A credential that was shown to work, and waits for the end of the flow. */
export interface Enrolled {
  /** Kept sealed in the flow, as JSON; `store` gets it back. */
  readonly credential: unknown;
  /** Its use is `enrolment`: it raises no level. */
  readonly proof: Proof;
}

interface Described {
  readonly method: Method;
  /** What is drawn to make one (`do` = `{method}.enrol`); undefined: not offered here. */
  describe(context: InstanceContext, facts: Facts): Promise<MethodView | undefined>;
  /** `do` = `{method}.prepare_enrolment` */
  prepare?(context: InstanceContext, facts: Facts, choice: Choice): Promise<Refusal | undefined>;
  /** Writes it, inside the completing transaction, with its event. */
  store(tx: InstanceContext, userId: string, credential: unknown): Promise<void>;
  list(context: InstanceContext, userId: string): Promise<readonly CredentialView[]>;
  /** False: the user has no such credential of this method. */
  rename?(tx: InstanceContext, userId: string, credentialId: string, name: string): Promise<boolean>;
  /** With its event. False: the user has no such credential of this method. */
  remove(tx: InstanceContext, userId: string, credentialId: string): Promise<boolean>;
}

export interface Enrolment<Input> extends Described {
  readonly input: z.ZodType<Input>;
  /** Checks that the new credential works. */
  verify(context: InstanceContext, facts: Facts, input: Input): Promise<Enrolled | Refusal>;
}

/** One of many: its input is read by its own schema. */
export interface AnyEnrolment extends Described {
  readonly input: z.ZodType;
  verify(context: InstanceContext, facts: Facts, input: never): Promise<Enrolled | Refusal>;
}
