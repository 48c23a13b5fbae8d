/** A gateway as rows, and as the REST API and the log show it. */
import type { NotificationGateway as Row } from '../generated/prisma/client.ts';
import { omit } from '../core/omit.ts';
import type { Channel } from './template-list.ts';
import type { GatewayKind } from './gateway-settings.ts';

export interface Gateway extends Omit<Row, 'instanceId' | 'channel' | 'kind' | 'settings'> {
  readonly channel: Channel;
  readonly kind: GatewayKind;
  readonly settings: Readonly<Record<string, unknown>>;
}

export const fromRow = (row: Row): Gateway => ({ ...omit(row, 'instanceId'), channel: row.channel as Channel, kind: row.kind as GatewayKind, settings: row.settings as Record<string, unknown> });

/** Without the secret; whether there is one. */
export function viewGateway(gateway: Gateway) {
  return {
    ...omit(gateway, 'sealedSecret', 'version'), hasSecret: gateway.sealedSecret !== null,
    createdAt: gateway.createdAt.toISOString(), updatedAt: gateway.updatedAt.toISOString(),
  };
}
