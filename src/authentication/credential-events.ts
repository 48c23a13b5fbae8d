/** What the log says of credentials. Never a secret or a code. */
import type { NewEvent } from '../events/index.ts';
import type { Method } from './types.ts';

interface CredentialFacts { readonly id: string; readonly method: Method; readonly name: string }

export const credentialAdded = (userId: string, credential: CredentialFacts): NewEvent => ({
  type: 'credential.added', subject: { type: 'user', id: userId }, after: { ...credential } });

export const credentialRenamed = (userId: string, before: CredentialFacts, name: string): NewEvent => ({
  type: 'credential.renamed', subject: { type: 'user', id: userId }, before: { ...before }, after: { ...before, name } });

export const credentialRemoved = (userId: string, credential: CredentialFacts): NewEvent => ({
  type: 'credential.removed', subject: { type: 'user', id: userId }, before: { ...credential } });

export const recoveryCodeUsed = (userId: string, left: number): NewEvent => ({
  type: 'recovery_code.used', subject: { type: 'user', id: userId }, after: { left } });

export const credentialsReset = (userId: string, removed: number): NewEvent => ({
  type: 'credentials.reset', subject: { type: 'user', id: userId }, after: { removed } });
