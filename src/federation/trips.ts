/**
 * Trips to a source and back. A trip is bound to its flow, its browser and its source; its state comes back once, and
 * what came back is taken once, by the flow it was begun in, under a code that only the one who came back has.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { Core } from '../core/core.ts';
import type { ProofKind } from '../core/proof-registry.ts';
import { randomToken, sha256 } from '../core/secrets.ts';
import { tooManyRequests } from '../core/errors.ts';
import { forEachInstance, type InstanceContext } from '../tenancy/index.ts';
import type { Arrival, Connector } from './connectors/connector.ts';
import { connectorOf } from './connectors/index.ts';
import { callbackUrl, connect, type IdentitySource } from './source.ts';
import { loadSources } from './source-cache.ts';

export const tripSeconds = 600;
/** Of one flow. */
const mostTrips = 30;

/** Answers are a code and a few words; Apple adds a name. */
const longestValue = 4_096;
const mostParameters = 30;

export const federationProofKinds: readonly ProofKind[] = [
  { name: 'federation.state', purpose: 'Leads the answer of an identity source to the flow that asked for it.', subject: 'flow', target: 'callback of the identity source, parameter state', lifetimeSeconds: tripSeconds, oneTime: true, stored: 'hash' },
  { name: 'federation.source-code', purpose: 'Stands for the answer of an identity source; worthless without its flow.', subject: 'flow', target: 'method identity_source, field sourceCode', lifetimeSeconds: tripSeconds, oneTime: true, stored: 'hash' },
];

const requestSchema = z.object({
  state: z.string(), nonce: z.string(), codeVerifier: z.string(), redirectUri: z.string(), url: z.string(),
  /** Of an application that draws its own pages. */
  returnTo: z.string().optional(),
});
const answerSchema = z.record(z.string(), z.string());

const place = (context: InstanceContext, id: string, column: string) => `${context.instance.id}/FederationTrip/${id}/${column}`;
const seal = (context: InstanceContext, id: string, column: string, value: unknown) => context.core.keyring.seal(JSON.stringify(value), place(context, id, column));
const open = (context: InstanceContext, id: string, column: string, sealed: string): unknown => JSON.parse(context.core.keyring.open(sealed, place(context, id, column)).toString('utf8'));

export const findSource = async (context: InstanceContext, sourceId: string): Promise<IdentitySource | undefined> =>
  (await loadSources(context)).find(({ id, enabled }) => id === sourceId && enabled);

export interface Setting {
  readonly flowId: string;
  readonly browserId: string | undefined;
  readonly returnTo: string | undefined;
  readonly loginHint: string | undefined;
  readonly locale: string | undefined;
}

/** Begins a trip. Returns its state. @throws ConnectorFailure, Problem 429 */
export async function beginTrip(context: InstanceContext, source: IdentitySource, { flowId, browserId, returnTo, loginHint, locale }: Setting): Promise<string> {
  if (await context.db.federationTrip.count({ where: { flowId } }) >= mostTrips) throw tooManyRequests('This sign-in has asked its identity sources too often. Start it again.', {});
  const [state, nonce, codeVerifier] = [randomToken(), randomToken(), randomToken()];
  const redirectUri = callbackUrl(context, source.id);
  const url = await connectorFor(source).authorizeUrl(context.core, connect(context, source), {
    state, nonce, codeVerifier, codeChallenge: createHash('sha256').update(codeVerifier).digest('base64url'), redirectUri, loginHint, locale, userAgent: context.userAgent });
  const id = sha256(state);
  const now = context.now();
  await context.db.federationTrip.create({
    data: {
      id, flowId, sourceId: source.id, browserId: browserId ?? null, createdAt: now, expiresAt: new Date(now.getTime() + tripSeconds * 1_000),
      sealedRequest: seal(context, id, 'request', { state, nonce, codeVerifier, redirectUri, url: url.href, returnTo }),
    } });
  return state;
}

/** Through a page of ours: browsers hold a form's redirects to the addresses that the page allows. */
export const goUrl = (context: InstanceContext, sourceId: string, state: string): string => `${context.instance.issuer}/sign-in/sources/${sourceId}/go?trip=${state}`;

/** Its settings are read by its own schema in `connect`. */
export const connectorFor = (source: IdentitySource): Connector<never> => connectorOf(source.kind);

/** Where a trip leads, for the browser that began it, until it has come back. */
export async function whereTo(context: InstanceContext, sourceId: string, state: string, browserId: string): Promise<string | undefined> {
  const trip = await context.db.federationTrip.findFirst({ where: { id: sha256(state), sourceId, browserId, returnedAt: null, expiresAt: { gt: context.now() } } });
  return trip ? requestSchema.parse(open(context, trip.id, 'request', trip.sealedRequest)).url : undefined;
}

/** The address of the newest trip of a flow, for a program that leads the person there. */
export async function addressForProgram(context: InstanceContext, flowId: string, sourceId: string): Promise<string | undefined> {
  const trip = await context.db.federationTrip.findFirst({ where: { flowId, sourceId, returnedAt: null, expiresAt: { gt: context.now() } }, orderBy: { createdAt: 'desc' } });
  return trip ? requestSchema.parse(open(context, trip.id, 'request', trip.sealedRequest)).url : undefined;
}

export type Returned =
  /** The browser that began it goes on in its flow, with the code. */
  | { readonly kind: 'browser'; readonly flowId: string; readonly browserId: string; readonly sourceCode: string }
  /** To the application, which has the flow. */
  | { readonly kind: 'application'; readonly location: string };

/**
 * Keeps what a source sent back, once. `browserId`: of the cookie; a trip of a browser comes back in that one alone,
 * and what another one brings spends nothing.
 * Undefined: no such trip, of another source or browser, back already, or too late.
 */
export async function returnTrip(context: InstanceContext, sourceId: string, parameters: Readonly<Record<string, string>>, browserId: string | undefined): Promise<Returned | undefined> {
  const entries = Object.entries(parameters);
  const { state } = parameters;
  if (state === undefined || entries.length > mostParameters || entries.some(([name, value]) => name.length > 100 || value.length > longestValue)) return undefined;
  const id = sha256(state);
  const sourceCode = randomToken();
  const [trip] = await context.db.federationTrip.updateManyAndReturn({
    where: { id, sourceId, returnedAt: null, expiresAt: { gt: context.now() }, OR: [{ browserId: null }, { browserId: browserId ?? '' }] },
    data: { returnedAt: context.now(), sourceCodeHash: sha256(sourceCode), sealedAnswer: seal(context, id, 'answer', parameters) } });
  if (!trip) return undefined;
  if (trip.browserId !== null) return { kind: 'browser', flowId: trip.flowId, browserId: trip.browserId, sourceCode };
  const { returnTo } = requestSchema.parse(open(context, id, 'request', trip.sealedRequest));
  if (returnTo === undefined) return undefined;
  const location = new URL(returnTo);
  location.searchParams.set('sourceCode', sourceCode);
  return { kind: 'application', location: location.href };
}

/** Takes what came back, once, for the flow of the trip. Undefined: no such code for this flow, taken, or too old. */
export async function takeAnswer(context: InstanceContext, flowId: string, sourceCode: string): Promise<{ sourceId: string; arrival: Arrival } | undefined> {
  const [trip] = await context.db.federationTrip.updateManyAndReturn({
    where: { sourceCodeHash: sha256(sourceCode), flowId, consumedAt: null, expiresAt: { gt: context.now() } }, data: { consumedAt: context.now() } });
  if (!trip?.sealedAnswer) return undefined;
  const { state, nonce, codeVerifier, redirectUri } = requestSchema.parse(open(context, trip.id, 'request', trip.sealedRequest));
  return { sourceId: trip.sourceId, arrival: { parameters: answerSchema.parse(open(context, trip.id, 'answer', trip.sealedAnswer)), state, nonce, codeVerifier, redirectUri } };
}

/** Rows whose time has passed; every read tests the time itself. */
export const purgeTrips = (core: Core): Promise<void> => forEachInstance(core, async (context) => {
  await context.db.federationTrip.deleteMany({ where: { expiresAt: { lt: new Date(context.now().getTime() - 3_600_000) } } });
});
