/** The provider's interactions are flows: started here, answered by the flow engine, resumed here. */
import type Provider from 'oidc-provider';
import type { InteractionResults, KoaContextWithOIDC } from 'oidc-provider';
import type { Core } from '../../core/core.ts';
import { type FlowOrigin, type FlowReference, type FlowRequest, type Outcome, type Purpose, readBrowserCookies, registerFlowOrigin, startFlow } from '../../authentication/index.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import { requestApplication } from './clients.ts';
import { requestedBy } from './consents.ts';
import { requestedAcrValues } from './policy.ts';
import { contextOf, currentProviderContext } from './request-context.ts';

type Interaction = InstanceType<Provider['Interaction']>;

/** Starts the flow of an interaction and returns its page. */
export async function interactionUrl(ctx: KoaContextWithOIDC, interaction: Interaction): Promise<string> {
  const context = contextOf(ctx);
  const { browserToken, sessionToken } = readBrowserCookies(context, ctx.req.headers.cookie);
  const device = interaction.deviceCode !== undefined;
  const started = await startFlow(context, {
    channel: 'browser',
    purpose: purposeOf(context, interaction),
    origin: { kind: device ? 'device' : 'oidc', ref: interaction.uid },
    applicationId: requestApplication(ctx).id,
    request: flowRequest(ctx),
    browserToken,
    sessionToken,
    otherAccount: wantsSomebodyElse(interaction),
  });
  for (const cookie of started.setCookies) ctx.append('Set-Cookie', cookie);
  return started.url;
}

function purposeOf(context: InstanceContext, interaction: Interaction): Purpose {
  if (isStepUp(interaction)) return 'step_up';
  return interaction.prompt.name === 'create' && context.instance.settings.registration.enabled ? 'register' : 'sign_in';
}

/** The request names its subject (OpenID Connect Core §3.1.2.1, §5.5.1), and that is not who is signed in here. */
function wantsSomebodyElse(interaction: Interaction): boolean {
  return interaction.prompt.reasons.some((reason) => ['id_token_hint', 'claims_id_token_sub_value'].includes(reason));
}

/** The same person, only fresher or stronger. */
function isStepUp(interaction: Interaction): boolean {
  return interaction.session !== undefined && interaction.prompt.name === 'login'
    && interaction.prompt.reasons.every((reason) => ['requirements', 'max_age', 'essential_acr', 'essential_acrs'].includes(reason));
}

function flowRequest(ctx: KoaContextWithOIDC): FlowRequest {
  const { oidc } = ctx;
  const text = (name: string) => (typeof oidc.params?.[name] === 'string' ? oidc.params[name] : undefined);
  const maxAge = text('max_age');
  const loginHint = text('login_hint');
  const locale = text('ui_locales')?.split(' ')[0];
  const userCode = oidc.deviceCode?.userCode;
  return {
    ...requestedBy(ctx),
    acrValues: requestedAcrValues(ctx),
    prompt: [...oidc.prompts],
    ...(maxAge !== undefined && { maxAge: Number(maxAge) }),
    ...(loginHint !== undefined && { loginHint }),
    ...(locale !== undefined && { locale }),
    ...(userCode !== undefined && { userCode }),
  };
}

/** Registers the flow engine's way back; `providerOf` finds the provider of an instance. */
export function registerFlowOrigins(core: Core, providerOf: (context: InstanceContext) => Promise<Provider>): void {
  for (const kind of ['oidc', 'device'] as const) registerFlowOrigin(core, createFlowOrigin(kind, providerOf));
}

function createFlowOrigin(kind: 'oidc' | 'device', providerOf: (context: InstanceContext) => Promise<Provider>): FlowOrigin {
  return {
    kind,
    async resume(context, flow, outcome) {
      const interaction = await (await providerOf(context)).Interaction.find(flow.originRef);
      if (!interaction) return undefined;
      interaction.result = resultOf(interaction, outcome);
      await interaction.persist();
      return { redirect: interaction.returnTo };
    },
    async restart(context, flow) {
      return restartAddress(context, await providerOf(context), kind, flow);
    },
  };
}

function resultOf(interaction: Interaction, outcome: Outcome): InteractionResults {
  switch (outcome.kind) {
    case 'cancelled': return { error: 'access_denied', error_description: 'the sign-in was cancelled' };
    case 'denied': return { error: outcome.error, error_description: outcome.error === 'access_denied' ? 'access is denied' : 'authentication requirements could not be met' };
    case 'completed': {
      const { session, consent } = outcome;
      // Every prompt that was asked for is answered in one go; `login` always tells the session's own time.
      const asked = typeof interaction.params['prompt'] === 'string' ? interaction.params['prompt'].split(' ') : [];
      return {
        ...Object.fromEntries(asked.map((prompt) => [prompt, {}])),
        login: { accountId: session.userId, acr: session.acr, amr: [...session.amr], ts: Math.floor(session.authTime.getTime() / 1000), remember: session.remember },
        consent: { scopes: [...consent.scopes], claims: [...consent.claims], resources: consent.resources },
      };
    }
  }
}

/** The authorization request once more. What a client pushed was for one use: then the application has to begin. */
async function restartAddress(context: InstanceContext, provider: Provider, kind: 'oidc' | 'device', flow: FlowReference): Promise<string | undefined> {
  if (kind === 'device') return `${context.instance.issuer}/oauth2/device`;
  const interaction = await provider.Interaction.find(flow.originRef);
  if (!interaction || (interaction as { parJti?: string }).parJti !== undefined) return undefined;
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(interaction.params)) {
    for (const item of [value].flat()) if (typeof item === 'string') query.append(name, item);
  }
  return `${context.instance.issuer}/oauth2/authorize?${query.toString()}`;
}

/**
 * Reads a resumed interaction in the light of the browser's session. Undone where that is not the one of the answer
 * (another account signed in meanwhile, the cookie is gone): then the request is judged anew, as any other.
 */
export function readInteractionsWithSession(provider: Provider): void {
  const { Interaction } = provider;
  const find = Interaction.find.bind(Interaction) as (id: string) => Promise<Interaction | undefined>;
  Interaction.find = (async (id: string) => {
    const interaction = await find(id);
    const ctx = currentProviderContext();
    const session = ctx?.oidc.session;
    if (!interaction || !session || !ctx.oidc.route.endsWith('resume')) return interaction;
    const { result } = interaction;
    if (interaction.session && interaction.session.uid !== session.uid) delete interaction.session;
    if (result?.login && result.login.accountId !== session.accountId) {
      if (result.error === undefined) delete interaction.result;
    }
    return interaction;
  }) as typeof Interaction.find;
}

