import type { Application as ApplicationRow } from '../generated/prisma/client.ts';
import { omit } from '../core/omit.ts';
import type { ApplicationKind } from './kinds.ts';
import { oidcSettingsSchema, type OidcSettings } from './oidc-settings.ts';

/** A registered application. Each speaks one single sign-on protocol. */
export interface Application extends Omit<ApplicationRow, 'instanceId' | 'kind' | 'protocol' | 'settings'> {
  readonly kind: ApplicationKind;
  readonly protocol: 'oidc';
  readonly settings: OidcSettings;
}

export function fromRow(stored: ApplicationRow): Application {
  const { settings, kind, protocol, ...row } = omit(stored, 'instanceId');
  if (protocol !== 'oidc') throw new Error(`application ${row.id} has the protocol ${protocol}, which this version does not know`);
  return { ...row, kind: kind as ApplicationKind, protocol, settings: oidcSettingsSchema.parse(settings) };
}

/** As the REST API and the event log show it; an application has no secrets in itself. */
export function viewApplication(application: Application) {
  return { ...omit(application, 'version', 'settings'), oidc: application.settings, createdAt: application.createdAt.toISOString(), updatedAt: application.updatedAt.toISOString() };
}
