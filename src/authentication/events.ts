/** What this feature tells the event log. Never a password, a token, or what somebody typed as a name. */
import type { NewEvent } from '../events/index.ts';
import type { Proof } from './types.ts';

interface SessionFacts { id: string; userId: string }

export const sessionCreated = (session: SessionFacts, facts: { applicationId: string | null; methods: readonly string[]; remember: boolean }): NewEvent => ({
  type: 'session.created', subject: { type: 'session', id: session.id },
  after: { userId: session.userId, applicationId: facts.applicationId, methods: facts.methods, remember: facts.remember } });

export const sessionRaised = (session: SessionFacts, proofs: readonly Proof[]): NewEvent => ({
  type: 'session.raised', subject: { type: 'session', id: session.id },
  after: { userId: session.userId, methods: proofs.map((proof) => proof.method) } });

export const sessionEnded = (session: SessionFacts, reason: string): NewEvent => ({
  type: 'session.ended', subject: { type: 'session', id: session.id }, after: { userId: session.userId, reason } });

export const signInFailed = (subject: FailedSubject, facts: { flowId: string; method: string; applicationId: string | null }): NewEvent => ({
  type: 'sign_in.failed', subject, after: facts });

export const signInDenied = (flow: { id: string; applicationId: string | null }, userId: string | undefined, denied: { reason: string; policy?: object | undefined }): NewEvent => ({
  type: 'sign_in.denied', subject: userId ? { type: 'user', id: userId } : { type: 'flow', id: flow.id },
  after: { flowId: flow.id, applicationId: flow.applicationId, reason: denied.reason, ...(denied.policy && { policy: denied.policy }) } });

/** `id` of an identifier is a keyed hash of what was typed: equal names can be counted, none can be read. */
export type FailedSubject = { type: 'user' | 'identifier'; id: string };

/** `user`: too many wrong codes after it was known who it is. */
export type LockedSubject = { type: 'identifier' | 'address' | 'user'; id: string };

export const accountLocked = (subject: LockedSubject, until: Date): NewEvent => ({
  type: 'account.locked', subject, after: { until: until.toISOString() } });

export const passwordChanged = (userId: string, facts: { mustChange: boolean; by: 'user' | 'administrator' }): NewEvent => ({
  type: 'password.changed', subject: { type: 'user', id: userId }, after: facts });

export const breachedListUnavailable = (userId: string): NewEvent => ({
  type: 'password.breached_list_unavailable', subject: { type: 'user', id: userId } });

export const consentGiven = (userId: string, applicationId: string, before: object | undefined, after: object): NewEvent => ({
  type: 'consent.given', subject: { type: 'user', id: userId }, ...(before && { before }), after: { applicationId, ...after } });

export const setupLinkCreated = (linkId: string, userId: string): NewEvent => ({
  type: 'setup_link.created', subject: { type: 'user', id: userId }, after: { linkId } });
