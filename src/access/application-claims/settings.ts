/** What is configured for an application: checked when saved, kept in memory. */
import { createInstanceCache, type InstanceCache } from '../../core/cache.ts';
import { perCore } from '../../core/core.ts';
import { type FieldError, invalidParameters } from '../../core/errors.ts';
import { type Expression, ExpressionError } from '../../core/expressions/index.ts';
import { checkEntityTag } from '../../core/http/entity-tag.ts';
import { append } from '../../events/index.ts';
import { instanceContext, type InstanceContext } from '../../tenancy/index.ts';
import { lockApplication } from '../application-access/settings.ts';
import { claimsChanged, viewSettings } from './events.ts';
import { isReservedClaim } from './reserved-claims.ts';
import type { ClaimInput, PutClaims, TokenKind } from './schemas.ts';
import { compileClaim, compileRoleMapping, visibleFields } from './variables.ts';

export interface Claim {
  readonly name: string;
  readonly source: string;
  readonly expression?: string;
  readonly tokens: readonly TokenKind[];
}

export interface ClaimSettings { readonly roleMapping: string | null; readonly claims: readonly Claim[]; /** 0: nothing was ever configured. */ readonly version: number }

/** Sources, not expressions: those are kept by core/expressions, as many as there is room for. */
export interface KnownClaims { readonly roleMapping: string | null; readonly claims: readonly Claim[]; readonly byToken: Readonly<Record<TokenKind, readonly Claim[]>> }

const settingsCache = perCore((core): InstanceCache<KnownClaims> => createInstanceCache<KnownClaims>({
  signals: core.signals, channel: 'access.application-claims', max: 20_000, ttlMs: 60_000,
  load: async (instanceId, applicationId) => {
    const context = await instanceContext(core, instanceId);
    return context && knownClaims(await readClaimSettings(context, applicationId));
  },
}));

/** Without I/O when known; true of any server's change within a second. */
export const findClaims = (context: InstanceContext, applicationId: string): Promise<KnownClaims | undefined> =>
  settingsCache(context.core).get(context.instance.id, applicationId);

/** Past the memory. */
export async function readClaimSettings(context: InstanceContext, applicationId: string): Promise<ClaimSettings> {
  const row = await context.db.applicationClaimSettings.findUnique({ where: { instanceId_applicationId: { instanceId: context.instance.id, applicationId } } });
  return row ? { roleMapping: row.roleMapping, claims: row.claims as unknown as Claim[], version: row.version } : { roleMapping: null, claims: [], version: 0 };
}

/** @throws Problem 404, 412, 400 (an expression that does not compile, a name twice, a custom field that applications may not see) */
export async function putClaimSettings(context: InstanceContext, applicationId: string, wanted: PutClaims, options: { ifMatch?: string | undefined } = {}): Promise<ClaimSettings> {
  const { roleMapping, claims } = await checkClaims(context, wanted);
  const after = await context.transaction(async (tx) => {
    await lockApplication(tx, applicationId);
    const before = await readClaimSettings(tx, applicationId);
    checkEntityTag(options.ifMatch, before.version);
    if (JSON.stringify(viewSettings(before)) === JSON.stringify(viewSettings({ ...before, roleMapping, claims }))) return before;
    const written = { roleMapping, version: before.version + 1, updatedAt: tx.now(), claims: viewSettings({ ...before, claims }).claims };
    await tx.db.applicationClaimSettings.upsert({ where: { instanceId_applicationId: { instanceId: tx.instance.id, applicationId } }, create: { applicationId, ...written }, update: written });
    const changed = { roleMapping, claims, version: written.version };
    await append(tx, claimsChanged(applicationId, before, changed));
    await settingsCache(tx.core).invalidate(tx.db, tx.instance.id, applicationId);
    return changed;
  });
  settingsCache(context.core).forget(context.instance.id, applicationId);
  return after;
}

/** Fills in names and finds what is wrong, all at once. @throws Problem 400 */
export async function checkClaims(context: InstanceContext, wanted: PutClaims): Promise<Omit<ClaimSettings, 'version'>> {
  const errors: FieldError[] = [];
  const positions: Record<string, ExpressionError['position']> = {};
  const compile = (field: string, work: () => Expression): void => {
    try {
      work();
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error;
      errors.push({ field, code: 'invalid', detail: describe(error) });
      positions[field] = error.position;
    }
  };
  const { roleMapping } = wanted;
  if (roleMapping !== null) compile('roleMapping', () => compileRoleMapping(roleMapping));
  const visible = await visibleFields(context);
  const names = new Set<string>();
  const claims = wanted.claims.map((claim, at): Claim => {
    const name = claim.name ?? claim.source;
    if (names.has(name)) errors.push({ field: `claims.${at}.name`, code: 'taken', detail: `${name} is named twice` });
    names.add(name);
    if (claim.expression !== undefined) compile(`claims.${at}.expression`, () => compileClaim(claim.expression ?? ''));
    const field = customFieldOf(claim);
    if (field !== undefined && !visible.has(field)) errors.push({ field: `claims.${at}.source`, code: 'unknown', detail: `there is no custom field ${field} that is visible to applications` });
    return { name, source: claim.source, ...(claim.expression !== undefined && { expression: claim.expression }), tokens: claim.tokens };
  });
  if (errors.length > 0) throw invalidParameters(errors, { positions });
  return { roleMapping, claims };
}

/** For people, in one line. */
export const describe = ({ message, position: { line, column }, hint }: ExpressionError): string => `${message} (line ${line}, column ${column})${hint === undefined ? '' : ` ${hint}`}`;

/** The key of the custom field that a claim is of. */
export const customFieldOf = ({ source }: Pick<ClaimInput, 'source'>): string | undefined => /^attribute:dict\.(.+)$/.exec(source)?.[1];

export function knownClaims({ roleMapping, claims }: Omit<ClaimSettings, 'version'>): KnownClaims {
  // The names were checked when they were saved; introspection would let them take the place of the protocol's (RFC 7662).
  const allowed = claims.filter(({ name }) => !isReservedClaim(name));
  const of = (kind: TokenKind) => allowed.filter(({ tokens }) => tokens.includes(kind));
  return { roleMapping, claims: allowed, byToken: { id_token: of('id_token'), userinfo: of('userinfo'), access_token: of('access_token') } };
}
