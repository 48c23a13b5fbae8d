/** The policies of an instance, read and parsed once, kept in memory by every server until one changes. */
import { createInstanceCache, type InstanceCache } from '../../core/cache.ts';
import { perCore } from '../../core/core.ts';
import type { Expression } from '../../core/expressions/index.ts';
import { instanceContext, type InstanceContext } from '../../tenancy/index.ts';
import { type AccessPolicy, fromRow, inOrder } from './policy.ts';
import type { Targets } from './schemas.ts';
import { compileCondition } from './variables.ts';

type TargetSets = { readonly [Kind in keyof Targets]: ReadonlySet<string> };

export interface CompiledPolicy {
  readonly policy: AccessPolicy;
  readonly include: TargetSets;
  readonly exclude: TargetSets;
  readonly includesEverybody: boolean;
  /** A condition that cannot be read any more fails whenever it is asked. */
  readonly condition: Expression | undefined;
  /** What must be known beside the request to judge it. */
  readonly needsMemberships: boolean;
  readonly needsUser: boolean;
}

/** What there is to judge for one application. */
export interface Candidates {
  /** In order, without disabled ones and those that are not about the application. */
  readonly policies: readonly CompiledPolicy[];
  readonly needsMemberships: boolean;
  readonly needsUser: boolean;
  readonly needsZones: boolean;
}

export interface PolicySet {
  /** All of them, in order. */
  readonly policies: readonly CompiledPolicy[];
  candidatesFor(applicationId: string): Candidates;
}

const cacheKey = 'policies';
const cacheOf = perCore((core): InstanceCache<PolicySet> => createInstanceCache({
  signals: core.signals, channel: 'access.policies', max: 1_000, ttlMs: 60_000,
  load: async (instanceId) => {
    const context = await instanceContext(core, instanceId);
    return context && compilePolicies(await readPolicies(context));
  },
}));

const none = compilePolicies([]);

/** Without I/O when known; true of any server's change within a second. */
export async function loadPolicySet(context: InstanceContext): Promise<PolicySet> {
  return await cacheOf(context.core).get(context.instance.id, cacheKey) ?? none;
}

/** Past the cache: within a transaction, what that has written. */
export async function readPolicies(context: InstanceContext): Promise<AccessPolicy[]> {
  return (await context.db.accessPolicy.findMany({})).map(fromRow).sort(inOrder);
}

/** Within the transaction of the change. */
export const announcePolicies = (tx: InstanceContext): Promise<void> => cacheOf(tx.core).invalidate(tx.db, tx.instance.id);

/** After the change, so that this server does not wait for its own signal. */
export const forgetPolicies = (context: InstanceContext): void => cacheOf(context.core).forgetInstance(context.instance.id);

export function compilePolicies(stored: readonly AccessPolicy[]): PolicySet {
  const policies = stored.toSorted(inOrder).map(compilePolicy);
  const byApplication = new Map<string, Candidates>();
  return {
    policies,
    candidatesFor(applicationId) {
      let candidates = byApplication.get(applicationId);
      if (!candidates) {
        candidates = select(policies, applicationId);
        byApplication.set(applicationId, candidates);
      }
      return candidates;
    },
  };
}

function select(all: readonly CompiledPolicy[], applicationId: string): Candidates {
  const policies = all.filter(({ policy, include, exclude }) => policy.status !== 'disabled'
    && (include.applications.size === 0 || include.applications.has(applicationId)) && !exclude.applications.has(applicationId));
  return {
    policies,
    needsMemberships: policies.some((policy) => policy.needsMemberships),
    needsUser: policies.some((policy) => policy.needsUser),
    needsZones: policies.some(({ include, exclude, condition }) => include.networkZones.size > 0 || exclude.networkZones.size > 0 || condition !== undefined),
  };
}

function compilePolicy(policy: AccessPolicy): CompiledPolicy {
  const include = setsOf(policy.include);
  const exclude = setsOf(policy.exclude);
  return {
    policy, include, exclude,
    includesEverybody: include.users.size + include.groups.size + include.organizationalUnits.size === 0,
    condition: policy.condition === null ? undefined : readCondition(policy.condition),
    needsMemberships: include.groups.size + include.organizationalUnits.size + exclude.groups.size + exclude.organizationalUnits.size > 0,
    needsUser: policy.condition !== null && /\buser\b/.test(policy.condition),
  };
}

function setsOf(targets: Targets): TargetSets {
  return {
    users: new Set(targets.users), groups: new Set(targets.groups), organizationalUnits: new Set(targets.organizationalUnits),
    applications: new Set(targets.applications), networkZones: new Set(targets.networkZones),
  };
}

/** It was right when it was saved; a later version of the language may see it otherwise. */
function readCondition(source: string): Expression {
  try {
    return compileCondition(source);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { source, evaluate: () => ({ ok: false, error: { message } }) };
  }
}
