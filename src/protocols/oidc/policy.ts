/**
 * When the provider needs a person: its base policy and ours. Each check runs at every authorization, so single
 * sign-on obeys the same rules as sign-in; what still fails after an answer ends the request, never a second round.
 */
import type { interactionPolicy as Policy, KoaContextWithOIDC } from 'oidc-provider';
import { satisfies } from '../../authentication/index.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import { requestApplication } from './clients.ts';
import { errors, interactionPolicy } from './library.ts';
import { pairwiseSubject } from './pairwise.ts';
import { contextOf } from './request-context.ts';
import { sessionViewOf } from './session-adapter.ts';

const { Check, Prompt, base } = interactionPolicy;

const prompts = ['login', 'consent', 'select_account'] as const;

/** For discovery. `create` (Initiating User Registration via OpenID Connect 1.0) where people can register; elsewhere it leads to the sign-in page. */
export const promptValues = ({ instance: { settings } }: InstanceContext): string[] => ['none', ...prompts, ...(settings.registration.enabled ? ['create'] : [])];

export function createPolicy(): Policy.DefaultPolicy {
  const policy = base();
  policy.add(new Prompt({ name: 'select_account', requestable: true }), 0);
  policy.add(new Prompt({ name: 'create', requestable: true }), 0);

  const login = policy.get('login');
  const consent = policy.get('consent');
  if (!login || !consent) throw new Error('the base policy of oidc-provider has changed');
  login.checks.add(new Check('requirements', 'the session is not enough for this request', 'login_required', needsSignIn));
  login.checks.add(new Check('hinted_subject', 'id_token_hint and authenticated subject do not match', 'login_required', isSomebodyElse));
  // A native application cannot prove who it is (RFC 8252 §8.6): others than our own ask each time.
  consent.checks.remove('native_client_prompt');
  consent.checks.add(new Check('native_client', 'native clients require consent', 'consent_required', (ctx) => {
    const application = requestApplication(ctx);
    return application.kind === 'native' && !application.firstParty && ctx.oidc.result?.consent === undefined;
  }));
  answerOnce(login, (ctx) => ctx.oidc.result?.login !== undefined, () => new errors.UnmetAuthenticationRequirements('authentication requirements could not be met'));
  answerOnce(consent, (ctx) => ctx.oidc.result?.consent !== undefined, () => new errors.AccessDenied('the requested access was not granted'));
  return policy;
}

/** Whether the session is too old, too weak or not allowed for this application. */
async function needsSignIn(ctx: KoaContextWithOIDC): Promise<boolean> {
  const { oidc } = ctx;
  if (oidc.session?.accountId === undefined) return false; // the base policy asks then
  const view = sessionViewOf(ctx);
  if (!view || !oidc.account) return true;
  const maxAge = oidc.params?.['max_age'];
  const { satisfied } = await satisfies(contextOf(ctx), view, {
    applicationId: requestApplication(ctx).id,
    acrValues: requestedAcrValues(ctx),
    // A sign-in just made is fresh, however long the way back took.
    maxAge: oidc.result?.login === undefined && typeof maxAge === 'string' ? Number(maxAge) : undefined,
  });
  return !satisfied;
}

/**
 * The library compares the hint only where the request came in; the person may have signed in as somebody else since.
 * @throws LoginRequired then (OpenID Connect Core §3.1.2.2)
 */
async function isSomebodyElse(ctx: KoaContextWithOIDC): Promise<boolean> {
  const { oidc } = ctx;
  const { client, params, session } = oidc;
  const hint = params?.['id_token_hint'];
  if (typeof hint !== 'string' || !client || session?.accountId === undefined || !oidc.route.endsWith('resume')) return false;
  const { payload } = await oidc.provider.IdToken.validate(hint, client);
  const subject = client.subjectType === 'pairwise' ? await pairwiseSubject(contextOf(ctx), session.accountId, client) : session.accountId;
  if (payload['sub'] !== subject) throw new errors.LoginRequired('id_token_hint and authenticated subject do not match');
  return false;
}

/** Levels asked for by `acr_values`, or as a claim (OpenID Connect Core §5.5.1.1). */
export function requestedAcrValues(ctx: KoaContextWithOIDC): string[] {
  const { params, claims } = ctx.oidc;
  const asked = typeof params?.['acr_values'] === 'string' ? params['acr_values'].split(' ') : [];
  const claim = claims.id_token?.['acr'] as { value?: unknown; values?: unknown } | null | undefined;
  const claimed = [claim?.value, ...(Array.isArray(claim?.values) ? claim.values : [])].filter((value) => typeof value === 'string');
  return [...new Set([...asked, ...claimed])].filter(Boolean);
}

/** Turns a check that fails although its prompt was answered into the end of the request. */
function answerOnce(prompt: Policy.Prompt, isAnswered: (ctx: KoaContextWithOIDC) => boolean, refusal: () => Error): void {
  for (const check of prompt.checks as Iterable<Policy.Check>) {
    const original = check.check;
    check.check = async (ctx) => {
      const needed = await original.call(check, ctx);
      if (needed && isAnswered(ctx)) throw refusal();
      return needed;
    };
  }
}
