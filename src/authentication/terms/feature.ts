/** Terms in a flow: asked for once somebody is known, kept with everything else when the flow completes. */
import { z } from 'zod';
import type { FlowFeature } from '../flow/feature.ts';
import type { Facts } from '../flow/facts.ts';
import { met, type Requirement, unmet } from '../flow/verdicts.ts';
import { accepted, isAt, nothing, page, pendingFor, refuse } from '../flow/action.ts';
import { advance, type Pending } from '../flow/store.ts';
import { findMissingTerms, storeAcceptances } from './acceptances.ts';

export interface TermsFacts { readonly missing: readonly { readonly documentId: string; readonly number: number }[] }

const pendingSchema = z.array(z.object({ documentId: z.string(), number: z.int(), locale: z.string().nullable() }));
const pendingOf = (pending: Pending) => pendingSchema.parse(pending.features?.['terms'] ?? []);

export const acceptTerms: Requirement = {
  name: 'accept_terms',
  check: ({ user, newUser, terms }: Facts) => ((user === undefined && !newUser) || terms.missing.length === 0 ? met : unmet('accept_terms')),
};

export const terms: FlowFeature<'terms'> = {
  name: 'terms',

  async load(context, { flow, user }) {
    if (user === undefined && flow.pending.newUser === undefined) return { missing: [] };
    const waiting = pendingOf(flow.pending);
    const missing = await findMissingTerms(context, user?.id);
    return { missing: missing.filter(({ documentId, number }) => !waiting.some((one) => one.documentId === documentId && one.number === number)).map(({ documentId, number }) => ({ documentId, number })) };
  },

  views: {
    async accept_terms(context, { facts, user }) {
      const missing = await findMissingTerms(context, user?.id);
      const isMissing = (documentId: string) => facts.terms.missing.some((one) => one.documentId === documentId);
      return { name: 'accept_terms', documents: missing.filter(({ documentId }) => isMissing(documentId)).map(({ documentId, number, texts }) => ({ documentId, number, field: fieldOf(documentId, number), texts })) };
    },
  },

  actions: {
    /** All that are shown, or none: the version that was read is named, so that a newer one is not accepted unseen. */
    async accept_terms(context, { situation: { flow, facts }, decision, fields }) {
      if (!isAt(decision, 'accept_terms')) return page;
      const open = facts.terms.missing.find(({ documentId, number }) => !['true', 'on', '1'].includes(fields[fieldOf(documentId, number)] ?? ''));
      if (open) return refuse(context, flow, { code: 'Terms.Not.Accepted', field: fieldOf(open.documentId, open.number) });
      const locale = (fields['locale'] ?? flow.request.locale)?.slice(0, 35) ?? null;
      const waiting = [...pendingOf(flow.pending), ...facts.terms.missing.map(({ documentId, number }) => ({ documentId, number, locale }))];
      return accepted(await advance(context, flow, { sealedPending: pendingFor(context, flow, 'terms', waiting), notice: nothing }));
    },
  },

  async store(tx, { flow }, userId) {
    const waiting = pendingOf(flow.pending);
    if (waiting.length > 0) await storeAcceptances(tx, userId, waiting);
  },
};

const fieldOf = (documentId: string, number: number) => `${documentId}.${number}`;
