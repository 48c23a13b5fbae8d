/** What tokens say of one user at this moment. Each claim reads only what it needs. */
import { type Expression, ExpressionError, type ExpressionResult } from '../../core/expressions/index.ts';
import { type ExpressionUser, loadMemberships, type Memberships } from '../../directory/index.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import { effectiveRoles } from '../application-roles/effective-roles.ts';
import type { TokenKind } from './schemas.ts';
import { type Claim, findClaims, type KnownClaims } from './settings.ts';
import { type ClaimApplication, compileClaim, compileRoleMapping, type Freshness, visibleUser } from './variables.ts';

/** Characters of a claim in JSON: a token has to fit into headers and databases of others. */
const longestInToken = 8_192;
const longestInUserinfo = 65_536;

/**
 * The application's own claims for a token; undefined where it has none, which costs a look into memory. A claim that
 * has no value, fails or is too long is left out.
 */
export async function applicationClaims(context: InstanceContext, application: ClaimApplication, userId: string, token: TokenKind): Promise<Readonly<Record<string, unknown>> | undefined> {
  const settings = await findClaims(context, application.id);
  const claims = settings?.byToken[token];
  if (!settings || !claims || claims.length === 0) return undefined;
  const facts = new ClaimFacts(context, application, userId, settings);
  const longest = token === 'userinfo' ? longestInUserinfo : longestInToken;
  const values: Record<string, unknown> = {};
  for (const claim of claims) {
    const outcome = await evaluateClaim(claim, facts);
    if (outcome.ok && (JSON.stringify(outcome.value) as string | undefined ?? '').length <= longest) values[claim.name] = outcome.value;
    else if (outcome.ok || outcome.error.message !== noValue) context.core.log.debug({ instanceId: context.instance.id, applicationId: application.id, claim: claim.name, reason: outcome.ok ? 'too long' : outcome.error.message }, 'A claim was left out of a token');
  }
  return values;
}

const noValue = 'It has no value.';
const nothing: ExpressionResult = { ok: false, error: { message: noValue } };

/** What claims are made of, read at most once. */
export class ClaimFacts {
  readonly application: ClaimApplication;
  readonly #context: InstanceContext;
  readonly #userId: string;
  readonly #settings: KnownClaims;
  readonly #freshness: Freshness;
  #memberships: Promise<Memberships> | undefined;
  #user: Promise<ExpressionUser | undefined> | undefined;
  #roles: Promise<readonly string[]> | undefined;
  #mapped: Promise<ExpressionResult> | undefined;

  constructor(context: InstanceContext, application: ClaimApplication, userId: string, settings: KnownClaims, freshness: Freshness = 'kept') {
    this.application = application;
    this.#freshness = freshness;
    this.#context = context;
    this.#userId = userId;
    this.#settings = settings;
  }

  memberships(): Promise<Memberships> {
    return this.#memberships ??= loadMemberships(this.#context, this.#userId);
  }

  user(): Promise<ExpressionUser | undefined> {
    return this.#user ??= visibleUser(this.#context, this.#userId, this.#freshness);
  }

  /** Keys of the roles in effect. */
  roles(): Promise<readonly string[]> {
    return this.#roles ??= effectiveRoles(this.#context, this.application.id, this.#userId).then((roles) => roles.map(({ key }) => key));
  }

  /** What expressions see; undefined: the user is gone. */
  async variables(): Promise<Readonly<Record<string, unknown>> | undefined> {
    const user = await this.user();
    const { id, clientId, name } = this.application;
    const application = { id, clientId, name };
    return user && { user, appUser: user, roles: await this.roles(), groups: user.groups, application, client: application };
  }

  /** The roles that the application sees: a list. */
  mappedRoles(): Promise<ExpressionResult> {
    return this.#mapped ??= this.#mapRoles();
  }

  async #mapRoles(): Promise<ExpressionResult> {
    const { roleMapping } = this.#settings;
    if (roleMapping === null) return { ok: true, value: await this.roles() };
    const variables = await this.variables();
    if (!variables) return nothing;
    const result = evaluateWith(() => compileRoleMapping(roleMapping), variables);
    if (!result.ok) return result;
    const list = [result.value].flat() as string[];
    return { ok: true, value: [...new Set(list.filter((role) => role !== ''))] };
  }
}

/** One that does not compile any more (this version knows less than the one it was saved with) has no value. */
function evaluateWith(compile: () => Expression, variables: Readonly<Record<string, unknown>>): ExpressionResult {
  try {
    return compile().evaluate(variables);
  } catch (error) {
    if (error instanceof ExpressionError) return { ok: false, error: { message: error.message, position: error.position } };
    throw error;
  }
}

export async function evaluateClaim({ source, expression }: Claim, facts: ClaimFacts): Promise<ExpressionResult> {
  const given = (value: unknown): ExpressionResult => (value === undefined || value === null ? nothing : { ok: true, value });
  switch (source) {
    case 'roles': return facts.mappedRoles();
    case 'groups': return given((await facts.memberships()).groups.map(({ name }) => name));
    case 'group_ids': return given((await facts.memberships()).groups.map(({ id }) => id));
    case 'organizational_units': return given((await facts.memberships()).organizationalUnits.map(({ name }) => name));
    case 'organizational_unit_ids': return given((await facts.memberships()).organizationalUnits.map(({ id }) => id));
    case 'expression': {
      const variables = await facts.variables();
      const result = variables && expression !== undefined ? evaluateWith(() => compileClaim(expression), variables) : nothing;
      return result.ok ? given(result.value) : result;
    }
    default: {
      const user = await facts.user();
      const [, name = ''] = source.split(':');
      const key = /^dict\.(.+)$/.exec(name)?.[1];
      if (!user) return nothing;
      return given(key === undefined ? (user as unknown as Record<string, unknown>)[name] : Object.hasOwn(user.dict, key) ? user.dict[key] : undefined);
    }
  }
}
