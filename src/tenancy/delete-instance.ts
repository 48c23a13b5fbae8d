/**
 * Deletes an instance: refused everywhere from the commit on, its rows erased by a job. The row of the instance
 * itself stays, empty, so that its slug is never given out again.
 */
import type { Core } from '../core/core.ts';
import { Prisma } from '../generated/prisma/client.ts';
import { append } from '../events/index.ts';
import { createContext, type InstanceContext } from './context.ts';
import { firstInstanceStays, instanceIsNot } from './errors.ts';
import * as events from './events.ts';
import { changeInstance, firstInstanceId, instanceContext, toInstance } from './instances.ts';

export const eraseJob = 'tenancy.erase-instance';

/** What was in flight at the commit has ended by then. */
const eraseAfterSeconds = 30;
const batchRows = 5_000;

/** Every scoped table, those that refer to others before these. A test compares it with the schema. */
export const eraseOrder: readonly Prisma.ModelName[] = [
  'FlowHookCall', 'FlowHookRun', 'FlowHook', 'NotificationMessage', 'NotificationCost', 'NotificationTemplate', 'NotificationGateway',
  'OidcRecord', 'Passkey', 'PasskeyMetadataEntry', 'PasskeyMetadata', 'UsedProof', 'Throttle', 'RiskCounter', 'RiskAssessment', 'RiskReplay', 'AddressList', 'IdempotencyKey', 'CrossSitePost', 'SetupLink', 'Challenge', 'Recovery', 'RecoveryRequest', 'RegistrationRequest', 'AddressChange', 'TermsAcceptance', 'TermsVersion', 'TermsDocument', 'FederationTrip', 'LinkedIdentity', 'IdentitySource', 'Flow',
  'SessionParticipant', 'SessionToken', 'Session', 'KnownBrowser', 'TotpCredential', 'RecoveryCode', 'RememberedDevice', 'SecondFactorGrace', 'Browser', 'Consent', 'Password',
  'AdministratorLimit', 'AdministratorAssignment', 'AdministratorRole',
  'RoleBatchError', 'RoleBatchChunk', 'RoleBatch', 'ApplicationRoleAssignment', 'ApplicationRole',
  'ApplicationAccess', 'ApplicationAccessSettings', 'ApplicationClaimSettings',
  'ApplicationNetworkZone', 'AccessPolicy', 'NetworkZone', 'ApplicationResource', 'ClientSecret', 'ResourceServer', 'Application',
  'GroupRuleRun', 'GroupNesting', 'GroupMember', 'Group', 'OrganizationalUnitMember', 'OrganizationalUnit',
  'Invitation', 'CustomFieldValue', 'CustomField', 'User',
  'QuotaCounter', 'MonthlyUsage', 'MonthlyUsageSubject', 'MonthlyStatement', 'InstancePlan',
  'InstanceImage', 'InstanceDomain', 'SigningKey', 'EventCursor', 'EventSeal', 'EventChainHead', 'Event',
];

/** @throws Problem 409 for the first instance and for one that is gone already */
export async function deleteInstance(context: InstanceContext): Promise<void> {
  if (context.instance.id === firstInstanceId) throw firstInstanceStays();
  const { principal } = context;
  await changeInstance(context, async (tx, row) => {
    if (row.status === 'deleted') throw instanceIsNot('active or suspended', row.status);
    await tx.db.instance.update({
      where: { id: row.id },
      data: { status: 'deleted', deletedAt: tx.now(), primaryDomain: null, name: '', settings: {}, branding: {} },
    });
    await tx.db.instanceDomain.deleteMany({});         // host names are free for others at once
    await append(tx, events.instanceDeleted(row.id, { before: { name: row.name, status: row.status } }));
    await tx.core.signals.publish(tx.db, 'tenancy.domains', row.id);
    await tx.core.jobs.enqueue(tx.db, eraseJob, {
      instanceId: row.id, operatorId: principal.kind === 'operator' ? principal.id ?? null : null, requestId: tx.requestId,
    }, { singletonKey: row.id, startAfterSeconds: eraseAfterSeconds });
  });
}

/**
 * Erases the rows of a deleted instance in batches; may be stopped anywhere and run again. The last word is in the log
 * of the first instance, because the deleted one's own log is erased too.
 */
export async function eraseInstance(core: Core, instanceId: string, operatorId: string | null, requestId: string): Promise<void> {
  const row = await core.database.instance.findUnique({ where: { id: instanceId } });
  if (row?.status !== 'deleted') throw new Error(`Instance ${instanceId} is not deleted; nothing was erased`);
  const context = createContext(core, toInstance(core, row), { principal: { kind: 'system' } });
  for (const table of eraseOrder) while (await eraseBatch(context, table) === batchRows);
  const first = await instanceContext(core, firstInstanceId, { principal: { kind: 'operator', ...(operatorId !== null && { id: operatorId }) }, requestId });
  await first?.transaction((tx) => append(tx, events.instanceErased(instanceId)));
}

/** The name comes from the list above, never from outside. */
function eraseBatch(context: InstanceContext, table: Prisma.ModelName): Promise<number> {
  const name = Prisma.raw(`"${table}"`);
  return context.db.$executeRaw`
    DELETE FROM ${name} WHERE "instanceId" = ${context.instance.id}
      AND ctid = ANY (ARRAY(SELECT ctid FROM ${name} WHERE "instanceId" = ${context.instance.id} LIMIT ${batchRows}))`;
}
