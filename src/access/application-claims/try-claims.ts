/** What would be said of a user, and what expressions make of it, for somebody who writes them. Nothing is saved. */
import { loadApplication } from '../../applications/index.ts';
import { ExpressionError, type ExpressionResult } from '../../core/expressions/index.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import { loadReadableUser } from '../readable-user.ts';
import type { TokenKind, TryClaims } from './schemas.ts';
import { checkClaims, knownClaims, readClaimSettings } from './settings.ts';
import { ClaimFacts, evaluateClaim } from './values.ts';
import { compileRoleMapping } from './variables.ts';

/** @throws Problem 404 (also for a user whom the principal may not read), 400 (claims that could not be saved) */
export async function tryClaims(context: InstanceContext, applicationId: string, asked: TryClaims) {
  const application = await loadApplication(context, applicationId);
  const { id: userId } = await loadReadableUser(context, asked.userId);
  const saved = await readClaimSettings(context, applicationId);
  const roleMapping = asked.roleMapping === undefined ? saved.roleMapping : asked.roleMapping;
  const claims = asked.claims === undefined ? saved.claims : (await checkClaims(context, { roleMapping: null, claims: asked.claims })).claims;
  const settings = knownClaims({ roleMapping, claims });
  const facts = new ClaimFacts(context, application, userId, settings, 'now');
  const { user = {}, roles = [], groups = [], application: seen = {} } = await facts.variables() ?? {};

  const tokens: Record<TokenKind, Record<string, unknown>> = { id_token: {}, userinfo: {}, access_token: {} };
  const tried = [];
  for (const claim of settings.claims) {
    const outcome = await evaluateClaim(claim, facts);
    tried.push({ name: claim.name, ...viewOutcome(outcome) });
    if (outcome.ok) for (const kind of claim.tokens) tokens[kind][claim.name] = outcome.value;
  }
  return {
    input: { user: user as Record<string, unknown>, roles: [...roles as string[]], groups: [...groups as string[]], application: seen as Record<string, unknown> },
    roleMapping: roleMapping === null ? null : explainSyntax(roleMapping) ?? viewOutcome(await facts.mappedRoles()),
    claims: tried, tokens,
  };
}

const viewOutcome = (outcome: ExpressionResult) => (outcome.ok ? { value: outcome.value } : { error: outcome.error });

/** A draft that does not compile is an answer here, not a refusal: it is what the call is for. */
function explainSyntax(source: string) {
  try {
    compileRoleMapping(source);
    return undefined;
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    const { message, hint, position } = error;
    return { error: { message, position, ...(hint !== undefined && { hint }) } };
  }
}
