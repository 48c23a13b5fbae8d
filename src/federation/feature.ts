/** What federation adds to a flow: the way to a source, what follows from the first time, and the connection at the end. */
import { z } from 'zod';
import { accepted, advance, type FlowFeature, page, pendingWith, refuse, writeProofs } from '../authentication/index.ts';
import { omit } from '../core/omit.ts';
import { createUserSchema, type User } from '../directory/index.ts';
import type { InstanceContext } from '../tenancy/index.ts';
import { failed, identitySourceFactor, newUserOf, offeredSources } from './factor.ts';
import { linkIdentity, noteUse } from './linked-identities.ts';
import { isVerifiedAddressOf } from './recognize.ts';
import { readSources } from './source-cache.ts';
import { beginTrip, goUrl } from './trips.ts';
import { federationName, readWaiting, type Waiting } from './waiting.ts';

export const federationFeature: FlowFeature<'federation'> = {
  name: federationName,

  async load(context, { flow, user, application }) {
    const waiting = readWaiting(flow.pending.features);
    return {
      applicationId: application?.id, returnTo: flow.request.api?.redirectUri ?? undefined,
      mustChoose: waiting?.kind === 'choose', hasLink: waiting?.kind === 'link',
      isVoid: waiting !== undefined && !await holds(context, waiting, user),
      linksExisting: waiting?.kind === 'link' && waiting.how !== 'created',
    };
  },

  actions: {
    /** Leads the browser to a source (field `credentialId`). */
    async go_to_source(context, { situation: { flow, facts }, decision, browser, fields }) {
      if (!browser || decision.kind !== 'step' || !['identify', 'first_factor', 'link_account'].includes(decision.step) || facts.federation?.mustChoose) return page;
      const source = (await offeredSources(context, facts)).find(({ id }) => id === fields['credentialId']);
      if (!source) return page;
      try {
        const hint = flow.identifier?.includes('@') ? flow.identifier : undefined;
        const state = await beginTrip(context, source, { flowId: flow.id, browserId: browser.id, returnTo: undefined, loginHint: hint, locale: flow.request.locale });
        return { kind: 'redirect', location: goUrl(context, source.id, state), setCookies: [] };
      } catch (error) {
        return refuse(context, flow, { code: (await failed(context, facts, source.id, error)).code });
      }
    },

    /** The first time: an account that is theirs, or a new one (field `choice`). */
    async link_account(context, { situation: { flow }, decision, fields }) {
      const waiting = readWaiting(flow.pending.features);
      if (decision.kind !== 'step' || decision.step !== 'link_account' || waiting?.kind !== 'choose') return page;
      const { user, ...shown } = omit(waiting, 'kind');
      const waits = (how: 'proven' | 'created') => ({ features: { [federationName]: { ...shown, kind: 'link', how } } });
      if (fields['choice'] === 'existing' && await mayLink(context, waiting.sourceId)) {
        return accepted(await advance(context, flow, { sealedPending: pendingWith(context, flow, waits('proven')) }));
      }
      if (fields['choice'] !== 'create' || user === undefined) return refuse(context, flow, { code: 'Params.Illegal', field: 'choice' });
      return accepted(await advance(context, flow, {
        sealedPending: pendingWith(context, flow, { newUser: newUserOf(waiting.sourceId, createUserSchema.parse(user)), ...waits('created') }),
        // From here on it is the account's own.
        proofs: writeProofs(flow.proofs.map((proof) => (proof.method === 'identity_source' ? { ...proof, use: 'sign_in' } : proof))),
      }));
    },
  },
  forBrowsers: ['go_to_source'],
  inputs: { link_account: z.object({ choice: z.enum(['existing', 'create']).describe('`existing`: the next steps ask for proofs of that account. `create`: a new one.') }) },

  views: {
    async link_account(context, { flow, facts }) {
      const waiting = readWaiting(flow.pending.features);
      if (waiting?.kind !== 'choose') return { name: 'link_account', methods: await identitySourceFactor.describe(context, facts, 'first_factor'), sourceName: undefined, displayName: undefined, choices: [] };
      const source = (await readSources(context)).find(({ id }) => id === waiting.sourceId);
      return {
        name: 'link_account', methods: [], sourceName: source?.name, displayName: waiting.displayName,
        choices: [...(source?.rules.linkByProof ? ['existing'] as const : []), ...(waiting.user ? ['create'] as const : [])],
      };
    },
  },

  async store(tx, { flow }, userId) {
    const waiting = readWaiting(flow.pending.features);
    if (waiting?.kind === 'known') await noteUse(tx, waiting.sourceId, waiting.found, waiting.subject);
    if (waiting?.kind === 'link') await linkIdentity(tx, userId, { ...waiting, displayName: waiting.displayName });
  },
};

/** Whether what was found at the source still leads here: asked again as the flow completes. */
async function holds(context: InstanceContext, waiting: Waiting, user: User | undefined): Promise<boolean> {
  const source = (await readSources(context)).find(({ id }) => id === waiting.sourceId);
  if (!source?.enabled) return false;
  if (waiting.kind === 'known') return await context.db.linkedIdentity.count({ where: { sourceId: waiting.sourceId, subject: waiting.found, userId: waiting.userId } }) === 1;
  if (waiting.kind === 'choose') return true;
  switch (waiting.how) {
    case 'created': return source.rules.createUsers;
    case 'proven': return true;
    case 'verified_email': return source.rules.matchVerifiedEmail && user !== undefined && isVerifiedAddressOf(user, waiting.email);
  }
}

async function mayLink(context: InstanceContext, sourceId: string): Promise<boolean> {
  return (await readSources(context)).find(({ id }) => id === sourceId)?.rules.linkByProof ?? false;
}
