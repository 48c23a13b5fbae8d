/** A proof from outside: the person was led to a source, and the flow takes what came back. */
import { z } from 'zod';
import type { Factor, Facts, MethodView, Proof, Refusal, Verified } from '../authentication/index.ts';
import type { CreateUser } from '../directory/index.ts';
import { append } from '../events/index.ts';
import { countSubject, type InstanceContext } from '../tenancy/index.ts';
import { ConnectorFailure, type OutsideIdentity } from './connectors/connector.ts';
import { sourceFailed } from './events.ts';
import { findLinkedUser } from './linked-identities.ts';
import { logoAddress } from './logos.ts';
import { draftUser, findByVerifiedAddress, provenAddress } from './recognize.ts';
import { connect, type IdentitySource } from './source.ts';
import { loadSources } from './source-cache.ts';
import { addressForProgram, beginTrip, connectorFor, findSource, takeAnswer } from './trips.ts';
import { federationName, type Waiting } from './waiting.ts';

const input = z.object({ sourceCode: z.string().min(1).max(200).describe('From the address that the source led back to.') });

export const identitySourceFactor: Factor<z.infer<typeof input>> = {
  method: 'identity_source',
  categories: ['federated'],
  phishingResistant: false,
  steps: ['identify', 'first_factor'],
  input,
  describe: (context, facts) => describeSources(context, facts),

  /** For programs: the address is in the next view. */
  async prepare(context, facts, { credentialId = '' }) {
    const source = facts.channel === 'api' ? (await offeredSources(context, facts)).find(({ id }) => id === credentialId) : undefined;
    if (!source || facts.federation?.returnTo === undefined) return { code: 'Params.Illegal', field: 'credentialId' };
    try {
      await beginTrip(context, source, { flowId: facts.flowId, browserId: undefined, returnTo: facts.federation.returnTo, loginHint: undefined, locale: undefined });
      return undefined;
    } catch (error) {
      return failed(context, facts, source.id, error);
    }
  },

  async verify(context, facts, { sourceCode }) {
    const taken = await takeAnswer(context, facts.flowId, sourceCode);
    const source = taken && await findSource(context, taken.sourceId);
    if (!taken || !source || !isOffered(source, facts)) return { code: 'Operation.Failure.Credential.Invalid', field: 'sourceCode' };
    try {
      const identity = await connectorFor(source).identify(context.core, connect(context, source), taken.arrival);
      return await verified(context, facts, source, identity);
    } catch (error) {
      return failed(context, facts, source.id, error);
    }
  },
};

/** Of this application and browser, those of the typed domain first. Depends on configuration and on what was typed alone. */
export async function offeredSources(context: InstanceContext, facts: Facts): Promise<IdentitySource[]> {
  const sources = (await loadSources(context)).filter((source) => source.enabled && isOffered(source, facts) && fitsBrowser(source, context.userAgent));
  const domain = facts.identifier?.includes('@') ? facts.identifier.slice(facts.identifier.lastIndexOf('@') + 1).toLowerCase() : undefined;
  const atHome = sources.filter(({ domains }) => domain !== undefined && domains.includes(domain));
  const insideWeChat = sources.some(({ kind }) => kind === 'wechat_official_account');
  // The QR code cannot be scanned with the telephone that shows it.
  return [...atHome, ...sources.filter((source) => source.onSignInPage && !atHome.includes(source) && !(insideWeChat && source.kind === 'wechat'))];
}

const isOffered = ({ applicationIds }: IdentitySource, { federation }: Facts): boolean =>
  applicationIds.length === 0 || (federation?.applicationId !== undefined && applicationIds.includes(federation.applicationId));

/** An official account works inside of WeChat alone; WeCom's own browser is no WeChat. */
function fitsBrowser({ kind }: IdentitySource, userAgent = ''): boolean {
  return kind !== 'wechat_official_account' || (/MicroMessenger/i.test(userAgent) && !/wxwork/i.test(userAgent));
}

async function describeSources(context: InstanceContext, facts: Facts): Promise<readonly MethodView[]> {
  const sources = await offeredSources(context, facts);
  return Promise.all(sources.map(async (source): Promise<MethodView> => {
    const data = { name: source.name, kind: source.kind, logoUrl: logoAddress(context, source) };
    const base = { method: 'identity_source', credentialId: source.id, hint: source.name } as const;
    if (facts.channel === 'browser') return { ...base, do: 'go_to_source', fields: [], data };
    const url = await addressForProgram(context, facts.flowId, source.id);
    return {
      ...base, do: 'identity_source.verify', prepare: 'identity_source.prepare', data: { ...data, ...(url !== undefined && { url }) },
      fields: url === undefined ? [] : [{ name: 'sourceCode', type: 'hidden', required: true, maxLength: 200 }] };
  }));
}

/** Two sources of one vendor may know people by the same keys (WeChat's QR code and official account): they share their connections. */
export async function linksAs(context: InstanceContext, source: IdentitySource): Promise<string> {
  const { sharesWith } = source.settings;
  return typeof sharesWith === 'string' && (await loadSources(context)).some(({ id, kind }) => id === sharesWith && kind === 'wechat') ? sharesWith : source.id;
}

async function verified(context: InstanceContext, facts: Facts, source: IdentitySource, identity: OutsideIdentity): Promise<Verified | Refusal> {
  const [subject] = identity.subjects;
  const sourceId = await linksAs(context, source);
  const shown = { sourceId, subject, ...(identity.displayName !== undefined && { displayName: identity.displayName.slice(0, 120) }) };
  const waits = (waiting: Waiting) => ({ features: { [federationName]: waiting } });
  await countSubject(context, 'federationTrustSources', source.id);

  const linked = await findLinkedUser(context, sourceId, identity);
  if (linked) {
    if (facts.user && facts.user.id !== linked.userId) return { code: 'Federation.Other.Person', unchecked: true };
    return { proof: proofOf(context, source, identity, 'sign_in'), userId: linked.userId, pending: waits({ kind: 'known', ...shown, found: linked.subject, userId: linked.userId }) };
  }
  // What nobody is known by yet proves no account: the account's own proofs decide who gets the connection.
  const unproven = proofOf(context, source, identity, 'enrolment');
  if (facts.purpose === 'link' && facts.user) return { proof: unproven, userId: facts.user.id, pending: waits({ kind: 'link', ...shown, how: 'proven' }) };
  if (facts.user) return { code: 'Federation.Other.Person', unchecked: true };

  const address = provenAddress(source, identity);
  const match = source.rules.matchVerifiedEmail ? await findByVerifiedAddress(context, sourceId, address) : undefined;
  if (match && address !== undefined) {
    return { proof: proofOf(context, source, identity, 'sign_in'), userId: match.id, pending: waits({ kind: 'link', ...shown, how: 'verified_email', email: address }) };
  }
  const { createUsers, linkByProof } = source.rules;
  if (!createUsers && !linkByProof) return { code: 'Federation.Identity.Unknown', unchecked: true };
  const user = createUsers ? await draftUser(context, source, identity) : undefined;
  // Whoever may have an account here (somebody has this address) is asked first.
  if (user && (!linkByProof || address === undefined || hasAddress(user))) {
    return { proof: proofOf(context, source, identity, 'sign_in'), userId: undefined, pending: { newUser: newUserOf(source.id, user), ...waits({ kind: 'link', ...shown, how: 'created' }) } };
  }
  return { proof: unproven, userId: undefined, pending: waits({ kind: 'choose', ...shown, ...(user && { user: { ...user } }) }) };
}

const hasAddress = ({ email }: CreateUser): boolean => email !== undefined && email !== null;

export const newUserOf = (sourceId: string, user: CreateUser) => ({
  user, proven: { ...(hasAddress(user) && { emailVerified: true }), source: { type: 'identity_source' as const, id: sourceId } } });

/** One factor, whatever the source says, unless the administrator trusts its word for two. */
function proofOf(context: InstanceContext, source: IdentitySource, { subjects: [subject], acr, amr = [] }: OutsideIdentity, use: Proof['use']): Proof {
  const trusted = acr !== undefined && source.rules.multiFactorAcrs.includes(acr);
  return {
    method: 'identity_source', authenticator: `${source.id}/${subject}`, categories: trusted ? ['federated', 'possession'] : ['federated'],
    amr: trusted ? amr.filter((name) => /^[a-z]{2,10}$/.test(name)).slice(0, 10) : [], phishingResistant: false, provenAt: context.now(), use,
  };
}

/** Nothing was tried against an account: no attempt is spent. What went wrong is in the event log. */
export async function failed(context: InstanceContext, facts: Pick<Facts, 'flowId'>, sourceId: string, error: unknown): Promise<Refusal> {
  if (!(error instanceof ConnectorFailure)) throw error;
  const { check, vendorCode } = error;
  if (check === 'refused_by_person') return { code: 'Federation.Refused.By.Person', unchecked: true };
  await context.transaction((tx) => append(tx, sourceFailed(sourceId, { flowId: facts.flowId, check, vendorCode })));
  return { code: check === 'unreachable' ? 'Federation.Source.Unreachable' : check === 'not_admitted' ? 'Federation.Not.Admitted' : 'Federation.Source.Failed', unchecked: true };
}
