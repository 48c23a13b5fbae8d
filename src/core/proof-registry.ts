/**
 * The list of everything that this server mints and later accepts: tokens, codes, links, handles. Every kind has one
 * purpose and one intake; a test presents each kind at each intake, and only its own may take it.
 */
import { type Core, perCore } from './core.ts';

export interface ProofKind {
  /** `{owner}.{kind}`, for example `authentication.setup-link`. */
  readonly name: string;
  /** The JOSE `typ`, for kinds that are JWTs (RFC 8725 §3.11). */
  readonly typ?: string;
  /** What its holder may do with it. */
  readonly purpose: string;
  /** What it speaks for. */
  readonly subject: 'user' | 'application' | 'browser' | 'flow' | 'session' | 'grant' | 'none';
  /** The one intake that takes it. */
  readonly target: string;
  /** Seconds; undefined: as long as what it speaks for. */
  readonly lifetimeSeconds?: number;
  readonly oneTime: boolean;
  /** How it lies in the database. */
  readonly stored: 'hash' | 'row' | 'not stored';
}

const registries = perCore(() => new Map<string, ProofKind>());

/** Adds kinds; a name can be taken once. Features call it when they are registered. */
export function registerProofKinds(core: Core, ...kinds: readonly ProofKind[]): void {
  const registry = registries(core);
  for (const kind of kinds) {
    if (registry.has(kind.name)) throw new Error(`The proof ${kind.name} is registered twice.`);
    registry.set(kind.name, kind);
  }
}

/** All kinds of this server, by name. */
export function proofKinds(core: Core): readonly ProofKind[] {
  return [...registries(core).values()].sort((a, b) => a.name.localeCompare(b.name));
}
