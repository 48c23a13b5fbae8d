import type { NewEvent } from '../events/index.ts';
import { viewApplication, type Application } from './application.ts';
import { viewResourceServer, type ResourceServer } from './resource-server.ts';

const states = <Value>(view: (value: Value) => object, { before, after }: { before?: Value; after?: Value }) => ({
  ...(before && { before: view(before) }),
  ...(after && { after: view(after) }),
});
const ofApplication = (type: string, id: string, change: { before?: Application; after?: Application } = {}): NewEvent => ({
  type, subject: { type: 'application', id }, ...states(viewApplication, change) });
const ofResourceServer = (type: string, id: string, change: { before?: ResourceServer; after?: ResourceServer }): NewEvent => ({
  type, subject: { type: 'resource_server', id }, ...states(viewResourceServer, change) });

export const applicationCreated = (after: Application) => ofApplication('application.created', after.id, { after });
export const applicationUpdated = (before: Application, after: Application) => ofApplication('application.updated', after.id, { before, after });
export const applicationEnabled = (before: Application, after: Application) => ofApplication('application.enabled', after.id, { before, after });
export const applicationDisabled = (before: Application, after: Application) => ofApplication('application.disabled', after.id, { before, after });
export const applicationDeleted = (before: Application) => ofApplication('application.deleted', before.id, { before });

interface SecretFacts { id: string; hint: string; expiresAt: Date | null }
const secretFacts = ({ id, hint, expiresAt }: SecretFacts) => ({ id, hint, expiresAt: expiresAt?.toISOString() ?? null });
/** `overlapSeconds`: the secrets so far end after this time. */
export const secretAdded = (applicationId: string, secret: SecretFacts, overlapSeconds?: number): NewEvent => ({
  ...ofApplication('application.secret_added', applicationId),
  after: { secret: secretFacts(secret), ...(overlapSeconds !== undefined && { overlapSeconds }) } });
export const secretRemoved = (applicationId: string, secret: SecretFacts): NewEvent => ({
  ...ofApplication('application.secret_removed', applicationId), before: { secret: secretFacts(secret) } });

export const resourceGranted = (applicationId: string, resourceServerId: string, before: string[] | undefined, after: string[]): NewEvent => ({
  ...ofApplication('application.resource_granted', applicationId),
  ...(before && { before: { resourceServerId, scopes: before } }),
  after: { resourceServerId, scopes: after } });
export const resourceGrantRemoved = (applicationId: string, resourceServerId: string, before: string[]): NewEvent => ({
  ...ofApplication('application.resource_grant_removed', applicationId), before: { resourceServerId, scopes: before } });

export const resourceServerCreated = (after: ResourceServer) => ofResourceServer('resource_server.created', after.id, { after });
export const resourceServerUpdated = (before: ResourceServer, after: ResourceServer) => ofResourceServer('resource_server.updated', after.id, { before, after });
export const resourceServerDeleted = (before: ResourceServer) => ofResourceServer('resource_server.deleted', before.id, { before });

interface ZoneLists { readonly people: readonly string[]; readonly client: readonly string[] }
export const networkZonesChanged = (applicationId: string, before: ZoneLists, after: ZoneLists): NewEvent => ({
  ...ofApplication('application.network_zones_changed', applicationId), before, after });
