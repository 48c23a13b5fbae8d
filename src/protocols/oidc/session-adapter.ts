/**
 * The provider's session is our session: found by its cookie's token, written row by row (a token, a participant, a
 * state), never as one document, so that parallel requests lose nothing. Sessions are made by the flow engine only:
 * what has no account here (a device code being typed in by somebody not signed in) lies in the provider's own table.
 */
import type { Adapter, AdapterPayload, KoaContextWithOIDC } from 'oidc-provider';
import { findApplication } from '../../applications/index.ts';
import { findLiveSession, findLiveSessionById, sessions, type SessionView } from '../../authentication/index.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import { createModelAdapter } from './models.ts';
import { currentContext, currentProviderContext } from './request-context.ts';

/** What this request found, so that only changes are written. */
interface Found {
  readonly token: string;
  /** Undefined: a state without an account. */
  readonly sessionId: string | undefined;
  readonly state: string;
}

const foundKey = 'sessionFound';
const foundBy = (ctx: KoaContextWithOIDC | undefined): Found | undefined => ctx?.state[foundKey] as Found | undefined;
const noted = (state: unknown) => JSON.stringify(state ?? null);

/** The session of the request at work, as the flow engine sees it. */
const viewKey = 'sessionView';
export const sessionViewOf = (ctx: KoaContextWithOIDC): SessionView | undefined => ctx.state[viewKey] as SessionView | undefined;

export function createSessionAdapter(instance: InstanceContext): Adapter {
  const generic = createModelAdapter(instance, 'Session');

  return {
    async find(token) {
      const context = currentContext(instance);
      const ctx = currentProviderContext();
      const view = await findLiveSession(context, token);
      if (view) {
        if (ctx) {
          ctx.state[foundKey] = { token, sessionId: view.id, state: noted(view.protocolState) } satisfies Found;
          ctx.state[viewKey] = view;
        }
        return { ...await toPayload(context, view), jti: token };
      }
      const stored = await generic.find(token);
      if (stored && ctx) ctx.state[foundKey] = { token, sessionId: undefined, state: noted(stored.state) } satisfies Found;
      return stored;
    },

    async findByUid(uid) {
      const context = currentContext(instance);
      const view = await findLiveSessionById(context, uid);
      return view && toPayload(context, view);
    },

    async upsert(token, payload, expiresIn) {
      const before = foundBy(currentProviderContext());
      if (payload.accountId === undefined) {
        // Nothing to remember of a browser that is not signed in, except a form under way.
        if (payload.state !== undefined) await generic.upsert(token, payload, Math.min(expiresIn ?? 3_600, 3_600));
        else if (before?.token === token && before.sessionId === undefined) await generic.destroy(token);
        return;
      }
      const sessionId = payload.uid;
      // An account without one of our sessions would be a sign-in that the engine never saw.
      if (sessionId === undefined || before?.sessionId !== sessionId) throw new Error('the provider tried to make a session');
      const context = currentContext(instance);
      if (before.token !== token) await sessions.addToken(context, sessionId, token);
      if (before.state !== noted(payload.state)) await sessions.setProtocolState(context, sessionId, payload.state ?? null);
    },

    async destroy(token) {
      const context = currentContext(instance);
      const before = foundBy(currentProviderContext());
      if (before?.token === token && before.sessionId !== undefined) await sessions.retireToken(context, token);
      else await generic.destroy(token);
    },

    consume: (id) => generic.consume(id),
    findByUserCode: async () => undefined,
    revokeByGrantId: async () => undefined,
  };
}

async function toPayload(context: InstanceContext, view: SessionView): Promise<AdapterPayload> {
  const authorizations: NonNullable<AdapterPayload['authorizations']> = {};
  for (const participant of view.participants) {
    if (participant.protocol !== 'oidc') continue;
    const application = await findApplication(context, participant.applicationId);
    if (!application) continue;
    authorizations[application.clientId] = {
      ...(participant.sid !== null && { sid: participant.sid }), ...(participant.grantId !== null && { grantId: participant.grantId }),
    };
  }
  return {
    kind: 'Session',
    uid: view.id,
    accountId: view.userId,
    loginTs: epochSeconds(view.authTime),
    acr: view.acr,
    amr: [...view.amr],
    iat: epochSeconds(view.createdAt),
    exp: epochSeconds(view.absoluteExpiresAt),
    authorizations,
    ...(view.remember ? {} : { transient: true }),
    ...(view.protocolState !== null && { state: view.protocolState as Record<string, unknown> }),
  };
}

const epochSeconds = (time: Date): number => Math.floor(time.getTime() / 1000);
