/**
 * Which name passkeys are bound to, and which origins may use them (docs/decisions/0012-passkey-rp-id.md). Both come from
 * configuration and verified domains, never from a request.
 */
import type { InstanceContext } from '../../tenancy/index.ts';
import type { Channel } from '../types.ts';

/** The RP id (WebAuthn §5.1.2). Passkeys of another one are not seen. */
export const rpIdOf = ({ instance }: InstanceContext): string => instance.settings.passkeys.rpId ?? new URL(instance.issuer).hostname;

export const rpNameOf = ({ instance }: InstanceContext): string => instance.branding.displayName ?? instance.name;

/** On a shared host the RP id is everybody's: no other origin is ever let near it. */
const hasOwnHost = ({ instance }: InstanceContext): boolean => new URL(instance.issuer).pathname === '/';

/** The origins that an answer may come from: ours, and in a flow that an application draws its own. */
export async function expectedOrigins(context: InstanceContext, flow: { readonly flowId: string; readonly channel: Channel }): Promise<string[]> {
  const own = new URL(context.instance.issuer).origin;
  if (flow.channel !== 'api' || !hasOwnHost(context)) return [own];
  const row = await context.db.flow.findFirst({ where: { id: flow.flowId }, select: { applicationId: true } });
  return [own, ...row?.applicationId ? await embeddedOrigins(context, row.applicationId) : []];
}

/** `/.well-known/webauthn` (WebAuthn Level 3 §5.11.1): who else may use passkeys of this RP id. */
export async function relatedOrigins(context: InstanceContext): Promise<string[]> {
  const own = new URL(context.instance.issuer).origin;
  return hasOwnHost(context) ? [...new Set([own, ...await embeddedOrigins(context)])] : [own];
}

async function embeddedOrigins(context: InstanceContext, applicationId?: string): Promise<string[]> {
  const rows = await context.db.application.findMany({
    where: { enabled: true, ...(applicationId !== undefined && { id: applicationId }), settings: { path: ['embeddedSignIn', 'enabled'], equals: true } },
    orderBy: { id: 'asc' }, take: 100, select: { settings: true } });
  return rows.flatMap(({ settings }) => (settings as { embeddedSignIn?: { allowedOrigins?: string[] } }).embeddedSignIn?.allowedOrigins ?? []);
}

/**
 * Whether an instance may take this RP id: its own host, a parent of its own custom domain (browsers refuse public
 * suffixes), or another domain that it has proven. A parent of the server's hosts would be shared with other instances.
 */
export async function mayUseRpId(context: InstanceContext, rpId: string): Promise<boolean> {
  const host = new URL(context.instance.issuer).hostname;
  if (rpId === host) return true;
  const verified = await context.db.instanceDomain.findMany({ where: { status: 'verified' }, select: { hostname: true } });
  return verified.some(({ hostname }) => hostname === rpId || (hostname === host && host.endsWith(`.${rpId}`) && rpId.includes('.')));
}
