/** The rules of sign-in and of networks at the token endpoint. */
import type { KoaContextWithOIDC } from 'oidc-provider';
import { isCalledFromHere } from '../../applications/index.ts';
import { mayHaveTokens as mayPersonHaveTokens } from '../../authentication/index.ts';
import { requestApplication } from './clients.ts';
import { NotYours } from './errors.ts';
import { contextOf } from './request-context.ts';

/** A code, refresh token or device code. */
export interface TokenSource {
  readonly sessionUid?: string | undefined;
  readonly acr?: string | undefined;
  readonly amr?: readonly string[] | undefined;
  /** Seconds. */
  readonly authTime?: number | undefined;
}

/** False: as if the person were gone, which ends in invalid_grant. */
export function mayHaveTokens(ctx: KoaContextWithOIDC, userId: string, source: TokenSource = {}): Promise<boolean> {
  return mayPersonHaveTokens(contextOf(ctx), {
    userId, application: requestApplication(ctx), sessionId: source.sessionUid,
    fromPerson: ctx.oidc.client?.clientAuthMethod === 'none',
    noted: { acr: source.acr, amr: source.amr, authTime: source.authTime === undefined ? undefined : new Date(source.authTime * 1_000) },
  });
}

/** After the client has shown who it is: else its zones could be found out by guessing. @throws NotYours (403 access_denied) */
export async function rejectForeignNetwork(ctx: KoaContextWithOIDC): Promise<void> {
  if (!ctx.oidc.client) return;
  if (!await isCalledFromHere(contextOf(ctx), requestApplication(ctx).id)) throw new NotYours('this application may not be used from this network');
}
