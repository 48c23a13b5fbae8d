/**
 * Every place in the database where sealed text is kept, and what it is bound to there. A new sealed column belongs
 * here; a test compares this list with the schema.
 */
import { secretPlace } from '../applications/index.ts';
import { privateKeyPlace } from '../tenancy/index.ts';

export type SealedRow = Readonly<Record<string, string>>;

export interface SealedColumn {
  readonly table: string;
  readonly key: readonly string[];
  /** The text: a column, or a member of a JSON column. */
  readonly column: string;
  readonly member?: string;
  /** Only rows with this value. */
  readonly only?: { readonly column: string; readonly value: string };
  /** What the seal is bound to, from the values of the key. */
  place(row: SealedRow): string;
}

const at = (row: SealedRow, table: string, ...rest: string[]) => [row['instanceId'], table, ...rest].join('/');
const value = (row: SealedRow, column: string) => row[column] ?? '';

export const sealedColumns: readonly SealedColumn[] = [
  { table: 'SigningKey', key: ['instanceId', 'id'], column: 'sealedPrivateJwk', place: (row) => privateKeyPlace(value(row, 'instanceId'), value(row, 'id')) },
  { table: 'ClientSecret', key: ['instanceId', 'id'], column: 'sealedSecret', place: (row) => secretPlace({ instance: { id: value(row, 'instanceId') } }, value(row, 'id')) },
  { table: 'Flow', key: ['instanceId', 'id'], column: 'sealedIdentifier', place: (row) => at(row, 'Flow', value(row, 'id'), 'identifier') },
  { table: 'Flow', key: ['instanceId', 'id'], column: 'sealedPending', place: (row) => at(row, 'Flow', value(row, 'id'), 'pending') },
  { table: 'IdempotencyKey', key: ['instanceId', 'principal', 'key'], column: 'sealedAnswer', place: (row) => at(row, 'IdempotencyKey', value(row, 'principal'), value(row, 'key'), 'sealedAnswer') },
  ...([['Interaction', 'deviceCode'], ['Interaction', 'parJti'], ['DeviceCode', 'jti']] as const).map(([model, member]): SealedColumn => ({
    table: 'OidcRecord', key: ['instanceId', 'model', 'id'], column: 'payload', member, only: { column: 'model', value: model }, place: (row) => at(row, 'OidcRecord', model, member),
  })),
  { table: 'AddressChange', key: ['instanceId', 'id'], column: 'sealedValue', place: (row) => at(row, 'AddressChange', value(row, 'id'), 'value') },
  { table: 'TotpCredential', key: ['instanceId', 'id'], column: 'sealedSecret', place: (row) => at(row, 'TotpCredential', value(row, 'id'), 'secret') },
  { table: 'FlowHook', key: ['instanceId', 'id'], column: 'sealedSecret', place: (row) => at(row, 'FlowHook', value(row, 'id'), 'secret') },
  { table: 'FlowHook', key: ['instanceId', 'id'], column: 'sealedPreviousSecret', place: (row) => at(row, 'FlowHook', value(row, 'id'), 'secret') },
  { table: 'NotificationGateway', key: ['instanceId', 'id'], column: 'sealedSecret', place: (row) => at(row, 'NotificationGateway', value(row, 'id'), 'secret') },
  { table: 'NotificationMessage', key: ['instanceId', 'id'], column: 'sealedContent', place: (row) => at(row, 'NotificationMessage', value(row, 'id'), 'content') },
  { table: 'IdentitySource', key: ['instanceId', 'id'], column: 'sealedSecret', place: (row) => at(row, 'IdentitySource', value(row, 'id'), 'secret') },
  // The proof that the master key is the right one (core/master-key-check.ts).
  { table: 'ServerRecord', key: ['name'], column: 'value', only: { column: 'name', value: 'master-key-proof' }, place: (row) => value(row, 'name') },
];

/** Gone within minutes: left to end by itself. */
export const shortLived: readonly string[] = ['CrossSitePost.sealedBody', 'FederationTrip.sealedRequest', 'FederationTrip.sealedAnswer'];
