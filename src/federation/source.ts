import { omit } from '../core/omit.ts';
import type { IdentitySource as Row } from '../generated/prisma/client.ts';
import type { InstanceContext } from '../tenancy/index.ts';
import { connectorOf, isSourceKind, type SourceKind } from './connectors/index.ts';
import type { ConnectedSource } from './connectors/connector.ts';
import { sourceRulesSchema, type SourceRules } from './schemas.ts';

/** An identity source without its logo, its secret sealed. */
export type IdentitySource = Omit<Row, 'instanceId' | 'kind' | 'settings' | 'rules' | 'logo'> & {
  readonly kind: SourceKind;
  readonly settings: Record<string, unknown>;
  readonly rules: SourceRules;
};

export function fromRow(row: Omit<Row, 'logo'>): IdentitySource {
  if (!isSourceKind(row.kind)) throw new Error(`an identity source is of no known kind: ${row.kind}`);
  return { ...omit(row, 'instanceId'), kind: row.kind, settings: row.settings as Record<string, unknown>, rules: sourceRulesSchema.parse(row.rules) };
}

export const callbackUrl = (context: InstanceContext, sourceId: string): string => `${context.instance.issuer}/sign-in/sources/${sourceId}/callback`;

/** As the REST API shows it. */
export function viewSource(context: InstanceContext, source: IdentitySource) {
  return {
    ...omit(source, 'version', 'sealedSecret'), hasSecret: source.sealedSecret !== null, callbackUrl: callbackUrl(context, source.id),
    createdAt: source.createdAt.toISOString(), updatedAt: source.updatedAt.toISOString(),
  };
}

export const secretPlace = (context: InstanceContext, sourceId: string): string => `${context.instance.id}/IdentitySource/${sourceId}/secret`;

/** As its connector gets it: settings read anew, the secret opened. */
export function connect(context: InstanceContext, source: IdentitySource): ConnectedSource<never> {
  return {
    id: source.id, version: source.version,
    settings: connectorOf(source.kind).settings.parse(source.settings),
    secret: source.sealedSecret === null ? undefined : context.core.keyring.open(source.sealedSecret, secretPlace(context, source.id)).toString('utf8'),
  };
}
