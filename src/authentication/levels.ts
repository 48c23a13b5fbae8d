/**
 * What proofs are worth: levels (`acr`), methods (`amr`) and when a person was last active. A level is what was really
 * proven and is still fresh; remembered devices, enrolments and recoveries never raise it.
 */
import type { InstanceContext } from '../tenancy/index.ts';
import { type Level, levels, type Proof } from './types.ts';

const [single, multi, phishingResistant] = levels;

/** Seconds after which a proof no longer carries a level (NIST SP 800-63B §2.2.3, §2.3.3). Single lasts as the session does. */
const freshSeconds: Record<Level, number> = { [single]: Infinity, [multi]: 86_400, [phishingResistant]: 43_200 };

/** The level of these proofs at this time. Nothing proven is `single` too: ask `first_factor` for whether anybody is there. */
export function levelOf(proofs: readonly Proof[], now: Date): Level {
  const counted = proofs.filter((proof) => proof.use === 'sign_in' && proof.method !== 'remembered_device');
  const fresh = (level: Level) => counted.filter((proof) => now.getTime() - proof.provenAt.getTime() <= freshSeconds[level] * 1_000);
  const strongest = fresh(phishingResistant);
  if (strongest.some((proof) => proof.phishingResistant) && areTwoFactors(strongest)) return phishingResistant;
  return areTwoFactors(fresh(multi)) ? multi : single;
}

/** Two authenticators of two categories; one that is two categories by itself (a user-verified passkey) counts as both. */
export function areTwoFactors(proofs: readonly Proof[]): boolean {
  return proofs.some((first) => new Set(first.categories).size > 1 || proofs.some((second) =>
    second.authenticator !== first.authenticator && second.categories.some((category) => !first.categories.includes(category))));
}

/** What an access policy asks for: one of the methods, shown at most so many seconds ago. */
export interface SecondFactorRule { readonly methods: readonly string[]; readonly intervalSeconds: number }

/** Whether one of the methods was shown in time, and is a second factor beside (or within) what else was shown. */
export function meetsSecondFactor(proofs: readonly Proof[], rule: SecondFactorRule, now: Date): boolean {
  return proofs.some((proof) => rule.methods.includes(proof.method) && proof.use === 'sign_in'
    && now.getTime() - proof.provenAt.getTime() <= rule.intervalSeconds * 1_000) && isAtLeast(levelOf(proofs, now), multi);
}

export const isAtLeast = (level: Level, wanted: Level): boolean => levels.indexOf(level) >= levels.indexOf(wanted);

/** RFC 8176: the union; `mfa` where two factors were shown. */
export function methodsOf(proofs: readonly Proof[], now: Date): string[] {
  const named = new Set(proofs.filter((proof) => proof.use !== 'enrolment').flatMap((proof) => proof.amr));
  if (isAtLeast(levelOf(proofs, now), multi)) named.add('mfa');
  return [...named].sort();
}

/** What acr_values ask for: the weakest of the levels named, `unreachable` when we know none of the names. */
export function wantedLevel(context: InstanceContext, acrValues: readonly string[] | undefined): Level | 'unreachable' | undefined {
  if (acrValues === undefined || acrValues.length === 0) return undefined;
  const known = acrValues.flatMap((name) => levelNamed(context, name) ?? []);
  return levels.find((level) => known.includes(level)) ?? 'unreachable';
}

/** The name of a level for an application: the first of its acr_values that the level meets, else our own. */
export function acrName(context: InstanceContext, level: Level, acrValues: readonly string[] = []): string {
  return acrValues.find((name) => {
    const named = levelNamed(context, name);
    return named !== undefined && isAtLeast(level, named);
  }) ?? level;
}

function levelNamed(context: InstanceContext, name: string): Level | undefined {
  const names = context.instance.settings.acrNames;
  return levels.find((level) => level === name) ?? (Object.hasOwn(names, name) ? names[name] : undefined);
}
