/** Everything that is held on a person, as they may take it with them. No secrets, no hashes, and nothing of others. */
import { append } from '../../events/index.ts';
import { loadCustomFields, loadMemberships, viewUser } from '../../directory/index.ts';
import { omit } from '../../core/omit.ts';
import { listCredentials } from '../enrolments/index.ts';
import { findPassword } from '../passwords.ts';
import { isFreshSession } from '../second-factor/sessions.ts';
import type { Account } from './account.ts';
import { ownDataDownloaded } from './events.ts';
import { linkedAccountsOf } from './linked-accounts.ts';

const mostEvents = 5_000;

/** Undefined: the person has to show the existing factor first. */
export async function downloadOwnData(account: Account): Promise<object | undefined> {
  const { context, user, session } = account;
  if (!await isFreshSession(context, session)) return undefined;
  const where = { userId: user.id };
  const sessions = await context.db.session.findMany({ where, orderBy: { id: 'asc' } });
  const [memberships, fields, password, credentials, devices, browsers, consents, linked, participants, events, access, roles] = await Promise.all([
    loadMemberships(context, user.id), loadCustomFields(context), findPassword(context, user.id), listCredentials(context, user.id),
    context.db.rememberedDevice.findMany({ where }), context.db.knownBrowser.findMany({ where }), context.db.consent.findMany({ where }), linkedAccountsOf(context, user.id),
    context.db.sessionParticipant.findMany({ where: { sessionId: { in: sessions.map(({ id }) => id) } } }),
    context.db.event.findMany({ where: { subjectId: { in: [user.id, ...sessions.map(({ id }) => id)] } }, orderBy: { sequence: 'desc' }, take: mostEvents }),
    context.db.applicationAccess.findMany({ where }), context.db.applicationRoleAssignment.findMany({ where })]);
  // What administrators keep to themselves is named, so that nobody is told they hold nothing.
  const hidden = fields.filter(({ visibleTo }) => visibleTo === 'administrators').map(({ key }) => key);
  await context.transaction((tx) => append(tx, ownDataDownloaded(user.id)));
  return {
    createdAt: context.now().toISOString(), issuer: context.instance.issuer,
    user: viewUser(user, context.now()), fieldsForAdministratorsOnly: hidden,
    groups: memberships.groups.map(({ id, name }) => ({ id, name })),
    organizationalUnits: memberships.organizationalUnits.map(({ id, name }) => ({ id, name })),
    password: { isSet: password !== undefined }, credentials, linkedAccounts: linked,
    sessions: sessions.map((row) => ({
      ...omit(row, 'instanceId', 'protocolState', 'proofs'), proofs: (row.proofs as { method: string; provenAt: string }[]).map(({ method, provenAt }) => ({ method, provenAt })),
      applications: participants.filter(({ sessionId }) => sessionId === row.id).map(({ applicationId, protocol, firstSeenAt }) => ({ applicationId, protocol, firstSeenAt })) })),
    rememberedDevices: devices.map((row) => omit(row, 'instanceId', 'tokenHash', 'browserId')),
    browsers: browsers.map(({ lastSignInAt }) => ({ lastSignInAt })),
    consents: consents.map((row) => omit(row, 'instanceId')),
    applications: access.map(({ applicationId, expiresAt }) => ({ applicationId, expiresAt })),
    roles: roles.map(({ roleId, expiresAt }) => ({ roleId, expiresAt })),
    events: events.map(({ id, occurredAt, type, before, after, address, actor }) => ({
      id, occurredAt, type, before, after, ...((actor as { id?: string }).id === user.id || (actor as { kind?: string }).kind === 'anonymous' ? { address } : {}) })),
  };
}
