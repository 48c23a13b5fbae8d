/**
 * A part of the engine with a folder of its own (risk/, hooks/, registration/ …): the facts that it adds, and what its
 * steps show and take. Its requirements are placed by requirements.ts, for their order is one for all.
 */
import type { z } from 'zod';
import { type Core, perCore } from '../../core/core.ts';
import type { Application } from '../../applications/index.ts';
import type { User } from '../../directory/index.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import type { PasswordState } from '../passwords.ts';
import type { Proof, SessionView, StepName, StepView } from '../types.ts';
import type { Action } from './action.ts';
import type { FeatureFacts } from './feature-facts.ts';
import type { Situation } from './situation.ts';
import type { FlowState } from './store.ts';

/** What is there before the facts of features are. */
export interface Loading {
  readonly flow: FlowState;
  readonly user: User | undefined;
  readonly application: Application | undefined;
  /** Of the user; undefined: none. */
  readonly password: PasswordState | undefined;
  /** The session that the flow goes on from. */
  readonly session: SessionView | undefined;
  /** Of the session and of this flow. */
  readonly proofs: readonly Proof[];
}

export interface FlowFeature<Name extends keyof FeatureFacts = keyof FeatureFacts> {
  /** Also the key of what waits for it in `flow.pending.features`. */
  readonly name: Name;
  /** Becomes `facts[name]`. Runs at every request and once more inside the completing transaction; changes nothing. */
  load(context: InstanceContext, loading: Loading): Promise<FeatureFacts[Name]>;
  /**
   * What has to be found out before a requirement can say more (a score, the answer of a webhook). Runs after an
   * accepted input, outside of any transaction, and stores what it found in the flow by `advance`, once. False: another
   * request was faster. Requirements ask for effects only when a proof was given in this flow: reading changes nothing.
   */
  readonly effects?: Readonly<Record<string, (context: InstanceContext, situation: Situation) => Promise<boolean>>>;
  /** What can be posted as `do`. Each checks that the flow is at its step. */
  readonly actions?: Readonly<Record<string, Action>>;
  /** What each action takes from a program (docs/authentication-api.md); one without a schema takes any texts. */
  readonly inputs?: Readonly<Record<string, z.ZodType>>;
  /** Actions that only a browser can take: they lead elsewhere. */
  readonly forBrowsers?: readonly string[];
  /** What its steps show. */
  readonly views?: Readonly<Partial<Record<StepName, (context: InstanceContext, situation: Situation) => Promise<StepView>>>>;
  /** Writes what waited in the flow, inside the completing transaction, before the session is made. */
  store?(tx: InstanceContext, situation: Situation, userId: string): Promise<void>;
}

const registeredOf = perCore((): FlowFeature[] => []);

/** For features of folders that authentication does not know (federation). Call it when the folder is registered. */
export function registerFlowFeature(core: Core, feature: FlowFeature): void {
  registeredOf(core).push(feature);
}

export const registeredFeatures = (core: Core): readonly FlowFeature[] => registeredOf(core);
