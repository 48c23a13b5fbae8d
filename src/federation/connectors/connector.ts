/** What every connector is: it leads a person to the source, and turns the source's answer into who they are there. */
import type { z } from 'zod';
import type { Outbound } from '../../core/outbound.ts';

/** What a source says of a person. `verified`: the source has seen a proof of it, not only an entry. */
export interface OutsideIdentity {
  /** Strongest first; the first one is the key. Each begins with what it is unique in (`unionid:…`). */
  readonly subjects: readonly [string, ...string[]];
  readonly username?: string | undefined;
  readonly displayName?: string | undefined;
  readonly givenName?: string | undefined;
  readonly familyName?: string | undefined;
  readonly email?: { readonly address: string; readonly verified: boolean } | undefined;
  readonly phone?: { readonly number: string; readonly verified: boolean } | undefined;
  readonly locale?: string | undefined;
  /** OpenID Connect Core §2: what the source says of how it proved the person. */
  readonly acr?: string | undefined;
  readonly amr?: readonly string[] | undefined;
}

/** A source as its connector gets it. */
export interface ConnectedSource<Settings> {
  readonly id: string;
  /** Changes with every change of the source: what is kept of it is kept by this. */
  readonly version: number;
  readonly settings: Settings;
  /** Undefined: the kind has none, or the source is public. */
  readonly secret: string | undefined;
}

export interface Departure {
  readonly state: string;
  readonly nonce: string;
  readonly codeVerifier: string;
  /** SHA-256 of the verifier (RFC 7636 §4.2). */
  readonly codeChallenge: string;
  readonly redirectUri: string;
  readonly loginHint: string | undefined;
  readonly locale: string | undefined;
  /** The browser is the one inside of the vendor's own application. */
  readonly userAgent: string | undefined;
}

export interface Arrival {
  /** Everything the source sent back, each name once. */
  readonly parameters: Readonly<Record<string, string>>;
  readonly state: string;
  readonly nonce: string;
  readonly codeVerifier: string;
  readonly redirectUri: string;
}

export interface World {
  readonly outbound: Outbound;
  now(): Date;
}

/** Of any settings: the registry hands each connector its own. */
export interface Connector<Settings = unknown> {
  readonly kind: string;
  readonly label: string;
  readonly settings: z.ZodType<Settings>;
  /** `optional`: a public client of a source that takes PKCE instead. */
  readonly secret: 'required' | 'optional';
  /** Wrong secrets are told when they are entered, not at the first sign-in. */
  checkSecret?(secret: string): string | undefined;
  /** The addresses and the account that the secret is for: when they change, it is asked for again. */
  secretIsFor(settings: Settings): readonly string[];
  /** The source proves mailboxes itself, whatever their domain. */
  readonly provesMailboxes?: boolean;
  /** Most answers come as a redirect; some as a POST from the source's page. */
  readonly answersByPost?: boolean;
  authorizeUrl(world: World, source: ConnectedSource<Settings>, departure: Departure): Promise<URL>;
  /** Who it is. @throws ConnectorFailure with the check that failed */
  identify(world: World, source: ConnectedSource<Settings>, arrival: Arrival): Promise<OutsideIdentity>;
}

/** Which check failed: for administrators. Nothing of the answer is in it but the source's own error code. */
export type FailedCheck = 'refused_by_person' | 'answer' | 'state' | 'discovery' | 'code_exchange' | 'id_token' | 'profile' | 'subject' | 'not_admitted' | 'unreachable' | 'configuration';

export class ConnectorFailure extends Error {
  override readonly name = 'ConnectorFailure';
  readonly check: FailedCheck;
  /** As the source names it: `40029`, `invalid_grant`. */
  readonly vendorCode: string | undefined;
  constructor(check: FailedCheck, vendorCode?: string) {
    super(`the identity source failed at ${check}${vendorCode === undefined ? '' : ` (${vendorCode})`}`);
    this.check = check;
    this.vendorCode = vendorCode;
  }
}
