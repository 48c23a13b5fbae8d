/** What this feature tells the event log. Never a secret, a token, or an answer of a source. */
import type { NewEvent } from '../events/index.ts';
import { omit } from '../core/omit.ts';
import type { FailedCheck } from './connectors/connector.ts';
import type { IdentitySource } from './source.ts';

const view = (source: IdentitySource) => ({ ...omit(source, 'sealedSecret', 'version', 'createdAt', 'updatedAt'), hasSecret: source.sealedSecret !== null });
const ofSource = (type: string, id: string, { before, after }: { before?: IdentitySource; after?: IdentitySource }): NewEvent => ({
  type, subject: { type: 'identity_source', id }, ...(before && { before: view(before) }), ...(after && { after: view(after) }) });

export const sourceCreated = (after: IdentitySource) => ofSource('identity_source.created', after.id, { after });
export const sourceUpdated = (before: IdentitySource, after: IdentitySource) => ofSource('identity_source.updated', after.id, { before, after });
export const sourceDeleted = (before: IdentitySource) => ofSource('identity_source.deleted', before.id, { before });
export const sourceSecretChanged = (sourceId: string): NewEvent => ({ type: 'identity_source.secret_changed', subject: { type: 'identity_source', id: sourceId } });

/** For administrators: which check refused an answer. */
export const sourceFailed = (sourceId: string, facts: { flowId: string; check: FailedCheck; vendorCode: string | undefined }): NewEvent => ({
  type: 'identity_source.failed', subject: { type: 'identity_source', id: sourceId },
  after: { flowId: facts.flowId, check: facts.check, ...(facts.vendorCode !== undefined && { vendorCode: facts.vendorCode }) } });

export const identityLinked = (userId: string, facts: { sourceId: string; subject: string; how: 'created' | 'proven' | 'verified_email' }): NewEvent => ({
  type: 'identity.linked', subject: { type: 'user', id: userId }, after: facts });
export const identityUnlinked = (userId: string, facts: { sourceId: string; subject: string }): NewEvent => ({
  type: 'identity.unlinked', subject: { type: 'user', id: userId }, before: facts });
