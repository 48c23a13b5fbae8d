/**
 * All data of an instance as lines of JSON, without secrets: `{"model":"User","row":{…}}`. What is left out is either a
 * proof (hash, sealed value, token) or gone within the hour anyway.
 */
import type { Prisma } from '../generated/prisma/client.ts';
import { append } from '../events/index.ts';
import type { InstanceContext } from './context.ts';
import * as events from './events.ts';

interface Exported {
  /** The columns after `instanceId` of the primary key: what pages are cut by. */
  key: readonly string[];
  omit?: readonly string[];
}

/** Every scoped model is here or left out by name: a new one without a decision does not compile. */
const models: Readonly<Record<Exclude<Prisma.ModelName, 'Instance' | 'ServerRecord' | 'Plan'>, Exported | 'left out'>> = {
  InstanceDomain: { key: ['id'], omit: ['verificationToken'] },
  InstanceImage: { key: ['hash'] },
  SigningKey: { key: ['id'], omit: ['sealedPrivateJwk'] },
  User: { key: ['id'], omit: ['searchShard', 'searchText', 'displayNameKey'] },
  CustomField: { key: ['id'] },
  Invitation: { key: ['id'], omit: ['tokenHash'] },
  OrganizationalUnit: { key: ['id'] },
  OrganizationalUnitMember: { key: ['userId', 'organizationalUnitId'] },
  Group: { key: ['id'] },
  GroupMember: { key: ['groupId', 'userId'] },
  GroupNesting: { key: ['groupId', 'childGroupId'] },
  AdministratorRole: { key: ['id'] },
  AdministratorAssignment: { key: ['userId', 'role'] },
  AdministratorLimit: { key: ['userId', 'role', 'organizationalUnitId'] },
  Application: { key: ['id'] },
  ClientSecret: { key: ['id'], omit: ['hash', 'sealedSecret'] },
  ResourceServer: { key: ['id'] },
  ApplicationResource: { key: ['applicationId', 'resourceServerId'] },
  ApplicationRole: { key: ['id'] },
  ApplicationRoleAssignment: { key: ['roleId', 'subjectId'] },
  ApplicationAccess: { key: ['applicationId', 'subjectId'] },
  ApplicationAccessSettings: { key: ['applicationId'] },
  ApplicationClaimSettings: { key: ['applicationId'] },
  RoleBatch: { key: ['id'] },
  ApplicationNetworkZone: { key: ['applicationId', 'use', 'networkZoneId'] },
  AccessPolicy: { key: ['id'] },
  NetworkZone: { key: ['id'] },
  InstancePlan: { key: ['planId'] },
  MonthlyUsage: { key: ['month', 'quota'] },
  MonthlyStatement: { key: ['month'] },
  Consent: { key: ['userId', 'applicationId'] },
  Password: { key: ['userId'], omit: ['hash', 'history'] },
  TotpCredential: { key: ['id'], omit: ['sealedSecret'] },
  RecoveryCode: { key: ['userId', 'hash'], omit: ['hash'] },
  Passkey: { key: ['id'], omit: ['publicKey'] },
  PasskeyMetadataEntry: { key: ['aaguid'] },
  RememberedDevice: { key: ['id'], omit: ['tokenHash'] },
  SecondFactorGrace: { key: ['userId'] },
  RegistrationRequest: { key: ['id'] },
  RecoveryRequest: { key: ['id'] },
  TermsDocument: { key: ['id'] },
  TermsVersion: { key: ['documentId', 'number'] },
  TermsAcceptance: { key: ['id'] },
  IdentitySource: { key: ['id'], omit: ['sealedSecret'] },
  LinkedIdentity: { key: ['sourceId', 'subject'] },
  FederationTrip: 'left out',
  Session: { key: ['id'], omit: ['protocolState'] },
  SessionParticipant: { key: ['id'] },
  RiskAssessment: { key: ['id'] },
  AddressList: { key: ['id'] },
  FlowHook: { key: ['id'], omit: ['sealedSecret', 'sealedPreviousSecret'] },
  FlowHookCall: { key: ['id'] },
  FlowHookRun: 'left out',
  NotificationGateway: { key: ['id'], omit: ['sealedSecret'] },
  NotificationTemplate: { key: ['template', 'channel', 'locale'] },
  NotificationMessage: { key: ['id'], omit: ['recipientHash', 'sealedContent'] },
  NotificationCost: { key: ['month', 'channel', 'gatewayId', 'prefix', 'currency'] },
  Event: { key: ['sequence'] },
  Browser: 'left out', KnownBrowser: 'left out', SessionToken: 'left out', Flow: 'left out', Challenge: 'left out', Recovery: 'left out', AddressChange: 'left out',
  UsedProof: 'left out', PasskeyMetadata: 'left out', Throttle: 'left out', RiskCounter: 'left out', RiskReplay: 'left out', SetupLink: 'left out', CrossSitePost: 'left out', OidcRecord: 'left out',
  IdempotencyKey: 'left out', RoleBatchChunk: 'left out', RoleBatchError: 'left out', GroupRuleRun: 'left out', QuotaCounter: 'left out', MonthlyUsageSubject: 'left out', CustomFieldValue: 'left out', EventSeal: 'left out', EventChainHead: 'left out', EventCursor: 'left out',
};

const pageRows = 500;

/** Yields one line for the instance and one for each row. The export itself is in the log. */
export async function* exportInstance(context: InstanceContext): AsyncGenerator<string> {
  await context.transaction((tx) => append(tx, events.instanceExported(context.instance.id)));
  const { id, name, status, issuer, settings, branding } = context.instance;
  yield `${JSON.stringify({ model: 'Instance', row: { id, name, status, issuer, settings, branding } })}\n`;
  for (const [model, exported] of Object.entries(models)) {
    if (exported !== 'left out') yield* exportModel(context, model, exported);
  }
}

async function* exportModel(context: InstanceContext, model: string, { key, omit = [] }: Exported): AsyncGenerator<string> {
  const columns = key.map((column) => `"${column}"`);
  const types = key.map((column) => (column === 'sequence' ? 'bigint' : 'text'));
  // Names come from the table above. Row by row comparison uses the primary key, so each page costs the same.
  const sql = (from: string[] | undefined) => `
    SELECT (to_jsonb("row") - $2::text[])::text AS "line", ARRAY[${columns.map((column) => `${column}::text`).join(', ')}] AS "key"
      FROM "${model}" AS "row" WHERE "instanceId" = $1
       ${from ? `AND (${columns.join(', ')}) > (${from.map((_value, index) => `$${index + 3}::text::${types[index] ?? 'text'}`).join(', ')})` : ''}
     ORDER BY ${columns.join(', ')} LIMIT ${pageRows}`;
  let from: string[] | undefined;
  do {
    const page: { line: string; key: string[] }[] = await context.db.$queryRawUnsafe(sql(from), context.instance.id, [...omit], ...(from ?? []));
    for (const { line } of page) yield `{"model":"${model}","row":${line}}\n`;
    from = page.length === pageRows ? page.at(-1)?.key : undefined;
  } while (from);
}
