/** The connections on a person's own account page. */
import { browserOf, type LinkedAccounts, listCredentials, startFlow } from '../authentication/index.ts';
import type { InstanceContext } from '../tenancy/index.ts';
import { lastWayIn } from './errors.ts';
import { linksAs } from './factor.ts';
import { listLinkedIdentities, unlinkIdentity } from './linked-identities.ts';
import type { IdentitySource } from './source.ts';
import { loadSources } from './source-cache.ts';
import { beginTrip, goUrl } from './trips.ts';

export const ownLinks: LinkedAccounts = {
  async list(context, userId) {
    const [linked, sources] = await Promise.all([listLinkedIdentities(context, userId), connectable(context)]);
    const open = sources.filter(({ id }) => !linked.some(({ sourceId }) => sourceId === id));
    return [
      ...linked.map((link) => ({ id: link.sourceId, sourceName: link.sourceName, displayName: link.displayName, connectedAt: link.createdAt })),
      ...open.map(({ id, name }) => ({ id, sourceName: name, displayName: null, connectedAt: null })),
    ];
  },

  async remove(context, userId, sourceId) {
    // An administrator may; nobody shuts themselves out by mistake.
    const [password, credentials, linked] = await Promise.all([context.db.password.count({ where: { userId } }), listCredentials(context, userId), listLinkedIdentities(context, userId)]);
    const opens = password > 0 || credentials.some(({ method }) => method === 'webauthn');
    if (!opens && linked.every((link) => link.sourceId === sourceId)) throw lastWayIn();
    await unlinkIdentity(context, userId, sourceId);
  },

  async connect(context, sourceId, tokens) {
    const source = (await connectable(context)).find(({ id }) => id === sourceId);
    if (!source) return undefined;
    const { flowId, url, setCookies } = await startFlow(context, { channel: 'browser', purpose: 'link', origin: { kind: 'self_service', ref: 'security' }, request: {}, ...tokens });
    const browser = await browserOf(context, tokens.browserToken);
    // Without its cookie the browser is a new one: its page has the buttons.
    if (!browser) return { url, setCookies };
    const state = await beginTrip(context, source, { flowId, browserId: browser.id, returnTo: undefined, loginHint: undefined, locale: undefined });
    return { url: goUrl(context, source.id, state), setCookies };
  },
};

/** Sources of single applications are none of the account page's; those that share their people are one. */
async function connectable(context: InstanceContext): Promise<IdentitySource[]> {
  const sources = (await loadSources(context)).filter(({ enabled, onSignInPage, applicationIds }) => enabled && onSignInPage && applicationIds.length === 0);
  const own = await Promise.all(sources.map((source) => linksAs(context, source)));
  return sources.filter(({ id }, index) => own[index] === id);
}
