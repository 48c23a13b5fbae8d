/** What passkeys tell the event log, beside the events that all credentials have. */
import type { NewEvent } from '../../events/index.ts';

export const passkeyCounterRegressed = (userId: string, facts: { id: string; name: string; stored: number; seen: number; refused: boolean }): NewEvent => ({
  type: 'passkey.counter_regressed', subject: { type: 'user', id: userId }, after: facts });

interface MetadataFacts { readonly number: number; readonly nextUpdate: string; readonly rootHash: string; readonly models: number }

export const passkeyMetadataReplaced = (instanceId: string, before: { number: number } | undefined, after: MetadataFacts): NewEvent => ({
  type: 'passkey_metadata.replaced', subject: { type: 'instance', id: instanceId }, ...(before && { before }), after: { ...after } });

export const passkeyMetadataRemoved = (instanceId: string, before: { number: number }): NewEvent => ({
  type: 'passkey_metadata.removed', subject: { type: 'instance', id: instanceId }, before });
