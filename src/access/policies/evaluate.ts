/**
 * Judges facts by the policies of an instance: the first that matches decides. Pure, so that sign-in, single sign-on,
 * tokens, decisions and simulations cannot differ.
 *
 * What cannot be judged (a condition that fails, a zone and no address) never opens a door: a policy that denies counts
 * as met, one that allows as not met, and one that asks for a second factor is kept in mind: the others are asked, and
 * where they would let the person in, the second factor is asked for besides.
 */
import type { Memberships } from '../../directory/index.ts';
import type { ZoneMap } from '../../tenancy/index.ts';
import type { CompiledPolicy } from './compile.ts';
import type { AccessPolicy, SecondFactorRule } from './policy.ts';
import type { PolicyEffect } from './schemas.ts';
import { type AccessFacts, conditionValues } from './variables.ts';

/** What is known of the person and the address beside the facts. */
export interface Known {
  readonly memberships: Memberships | undefined;
  readonly user: object | undefined;
  readonly zones: ZoneMap | undefined;
  readonly defaultEffect: 'allow' | 'deny';
}

export interface PolicyName { readonly id: string; readonly name: string; readonly priority: number }

export interface AccessDecision {
  readonly decision: 'allow' | 'deny' | 'second_factor';
  /** Which policy decided; undefined: none matched. */
  readonly policy: PolicyName | undefined;
  readonly because: string;
  /** Of `second_factor`. */
  readonly secondFactor: SecondFactorRule | undefined;
  /** Policies that only report and would have decided instead. */
  readonly reported: readonly { readonly policy: PolicyName; readonly effect: PolicyEffect }[];
}

export interface PolicyExplanation extends PolicyName {
  readonly status: AccessPolicy['status'];
  readonly effect: PolicyEffect;
  readonly applies: boolean;
  readonly code: string;
  readonly because: string;
}

interface Match { readonly state: 'yes' | 'no' | 'uncertain'; readonly code: string; readonly because: string }

const no = (code: string, because: string): Match => ({ state: 'no', code, because });
const nameOf = ({ id, name, priority }: AccessPolicy): PolicyName => ({ id, name, priority });

export const allowedByDefault: AccessDecision = { decision: 'allow', policy: undefined, because: 'no policy applies, and the default is to allow', secondFactor: undefined, reported: [] };
const deniedByDefault: AccessDecision = { decision: 'deny', policy: undefined, because: 'no policy applies, and the default is to deny', secondFactor: undefined, reported: [] };

/** `policies` are in order. With `explain` every one is asked, and says why it applies or not. */
export function evaluate(policies: readonly CompiledPolicy[], facts: AccessFacts, known: Known, explain?: PolicyExplanation[]): AccessDecision {
  const judge = createJudge(facts, known);
  const reported: AccessDecision['reported'][number][] = [];
  let decided: AccessDecision | undefined;
  let pending: { policy: AccessPolicy; because: string } | undefined;

  for (const compiled of policies) {
    const { policy } = compiled;
    const { effect, status } = policy;
    const note = (applies: boolean, code: string, because: string) => explain?.push({ ...nameOf(policy), status, effect, applies, code, because });
    if (status === 'disabled') {
      note(false, 'disabled', 'it is disabled');
      continue;
    }
    if (decided) {
      if (!explain) break;
      note(false, 'decided_before', `"${decided.policy?.name ?? ''}" decided before`);
      continue;
    }
    const match = judge(compiled);
    const applies = match.state === 'yes' || (match.state === 'uncertain' && effect !== 'allow');
    if (status === 'report_only') {
      if (applies) reported.push({ policy: nameOf(policy), effect });
      note(false, applies ? 'report_only' : match.code, applies ? `it only reports: ${match.because}` : match.because);
      continue;
    }
    note(applies, match.code, match.because);
    if (!applies) continue;
    if (match.state === 'uncertain' && effect === 'require_second_factor') pending ??= { policy, because: match.because };
    else decided = decide(policy, match.because);
  }
  const decision = decided ?? (known.defaultEffect === 'allow' ? allowedByDefault : deniedByDefault);
  // The stricter of what the policy that could not be judged might have said.
  const strict = pending && decision.decision === 'allow' ? decide(pending.policy, pending.because) : decision;
  return reported.length === 0 ? strict : { ...strict, reported };
}

function decide(policy: AccessPolicy, because: string): AccessDecision {
  const decision = policy.effect === 'require_second_factor' ? 'second_factor' : policy.effect;
  return { decision, policy: nameOf(policy), because, secondFactor: policy.secondFactor ?? undefined, reported: [] };
}

/** Asks one policy after the other about the same facts; what they need in common is worked out once. */
function createJudge(facts: AccessFacts, known: Known): (compiled: CompiledPolicy) => Match {
  const { zones } = known;
  const groups = new Map((known.memberships?.groups ?? []).map((group) => [group.id, group.name]));
  const units = new Map<string, string>();
  for (const { id: own, name, path } of known.memberships?.organizationalUnits ?? []) {
    for (const id of path) if (id === own) units.set(id, `in the organizational unit "${name}"`); else if (!units.has(id)) units.set(id, `in the organizational unit "${name}", below one that it names`);
  }
  const zoneIds = zones?.zonesOf(facts.address);
  let values: Record<string, unknown> | undefined;

  const inZones = (wanted: ReadonlySet<string>) => [...wanted].find((id) => zoneIds?.has(id) ?? false);
  const whichSubject = (sets: CompiledPolicy['include']): string | undefined => {
    if (sets.users.has(facts.userId)) return 'the person is named';
    for (const id of sets.groups) if (groups.has(id)) return `the person is in the group "${groups.get(id) ?? id}"`;
    for (const id of sets.organizationalUnits) if (units.has(id)) return `the person is ${units.get(id) ?? ''}`;
    return undefined;
  };

  return ({ include, exclude, includesEverybody, condition }) => {
    if (include.applications.size > 0 && !include.applications.has(facts.application.id)) return no('application_not_included', 'it is about other applications');
    if (exclude.applications.has(facts.application.id)) return no('application_excluded', 'the application is excluded');
    const subject = whichSubject(include);
    if (!includesEverybody && subject === undefined) return no('subject_not_included', 'it is about other people');
    const excluded = whichSubject(exclude);
    if (excluded !== undefined) return no('subject_excluded', `it leaves out this person: ${excluded}`);

    const reasons = [subject ?? 'it is about everybody'];
    let uncertain: string | undefined;
    if (include.networkZones.size + exclude.networkZones.size > 0) {
      if (zoneIds === undefined) uncertain = 'the address is unknown, so its zones cannot be judged';
      else {
        const zone = inZones(include.networkZones);
        if (include.networkZones.size > 0 && zone === undefined) return no('zone_not_included', `the address ${facts.address ?? ''} is in none of its zones`);
        const out = inZones(exclude.networkZones);
        if (out !== undefined) return no('zone_excluded', `the address ${facts.address ?? ''} is in the excluded zone "${zones?.zones.get(out)?.name ?? out}"`);
        reasons.push(zone === undefined ? `the address ${facts.address ?? ''} is in none of the excluded zones` : `the address ${facts.address ?? ''} is in the zone "${zones?.zones.get(zone)?.name ?? zone}"`);
      }
    }
    if (condition) {
      values ??= conditionValues(facts, { ids: [...zoneIds ?? []], names: [...zoneIds ?? []].map((id) => zones?.zones.get(id)?.name ?? id) }, known.user);
      const result = condition.evaluate(values);
      if (!result.ok) return { state: 'uncertain', code: 'condition_failed', because: `its condition failed (${result.error.message}), which never opens a door` };
      if (result.value !== true) return no('condition_false', 'its condition is false');
      reasons.push('its condition is true');
    }
    return uncertain === undefined
      ? { state: 'yes', code: 'matched', because: reasons.join(', ') }
      : { state: 'uncertain', code: 'address_unknown', because: `${uncertain}, which never opens a door` };
  };
}
