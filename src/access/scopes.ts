/** The scopes of our own APIs. Each feature's routes name theirs; this is the one list of all. */
import { defineBuiltInApi } from '../applications/index.ts';
import type { Core } from '../core/core.ts';

export interface ApiScope { readonly name: string; readonly description: string }

/** Of the management API, `{issuer}/api/v1`. */
export const managementScopes = [
  { name: 'user:read', description: 'Read users.' },
  { name: 'user:manage', description: 'Create, change, disable and delete users.' },
  { name: 'custom-field:manage', description: 'Say which custom fields users have.' },
  { name: 'invitation:read', description: 'Read invitations, without their links.' },
  { name: 'invitation:manage', description: 'Invite people, and get the links.' },
  { name: 'registration:read', description: 'Read registrations that wait for an administrator.' },
  { name: 'registration:manage', description: 'Approve and refuse registrations.' },
  { name: 'terms:read', description: 'Read terms, and who accepted them.' },
  { name: 'terms:manage', description: 'Create, publish and retire terms.' },
  { name: 'organizational-unit:read', description: 'Read organizational units and who is in them.' },
  { name: 'organizational-unit:manage', description: 'Create, change, move and delete organizational units, and say who is in them.' },
  { name: 'group:read', description: 'Read groups and who is in them.' },
  { name: 'group:manage', description: 'Create, change and delete groups, and say who is in them.' },
  { name: 'application:read', description: 'Read applications, without secrets.' },
  { name: 'application:manage', description: 'Create, change and delete applications, and make their secrets.' },
  { name: 'resource-server:read', description: 'Read resource servers and their scopes.' },
  { name: 'resource-server:manage', description: 'Create, change and delete resource servers.' },
  { name: 'session:read', description: 'Read sessions and how their logout notices went.' },
  { name: 'session:manage', description: 'End sessions.' },
  { name: 'risk:read', description: 'Read risk assessments and address lists, and replay a draft of the risk policy.' },
  { name: 'risk:manage', description: 'Create, change and delete address lists.' },
  { name: 'event:read', description: 'Read the event log.' },
  { name: 'key:read', description: 'Read signing keys, public parts only.' },
  { name: 'key:manage', description: 'Rotate and retire signing keys.' },
  { name: 'settings:read', description: 'Read settings and branding.' },
  { name: 'settings:manage', description: 'Change settings and branding.' },
  { name: 'domain:read', description: 'Read custom domains.' },
  { name: 'domain:manage', description: 'Claim, verify and remove custom domains.' },
  { name: 'flow-hook:read', description: 'Read flow webhooks and their last calls.' },
  { name: 'flow-hook:manage', description: 'Create, change, test and delete flow webhooks.' },
  { name: 'notification:read', description: 'Read gateways, templates, and how messages went.' },
  { name: 'notification:manage', description: 'Change gateways and templates, and send tests.' },
  { name: 'outbox:read', description: 'Read messages that no gateway takes, with their codes and links.' },
  { name: 'quota:read', description: 'Read quotas, what is used of them, and monthly statements.' },
  { name: 'role:read', description: 'Read application roles and who has them.' },
  { name: 'role:manage', description: 'Define application roles, give them and take them back.' },
  { name: 'identity-source:read', description: 'Read identity sources, without secrets.' },
  { name: 'identity-source:manage', description: 'Create, change and delete identity sources.' },
  { name: 'network-zone:read', description: 'Read network zones.' },
  { name: 'network-zone:manage', description: 'Create, change and delete network zones.' },
  { name: 'policy:read', description: 'Read access policies, and try out what they decide.' },
  { name: 'policy:manage', description: 'Create, change, order and delete access policies.' },
  { name: 'decision:read', description: 'Ask for decisions about all applications.' },
  { name: 'decision:own', description: 'Ask for decisions about the application itself.' },
  { name: 'administrator:read', description: 'Read who administers the instance.' },
  { name: 'administrator:manage', description: 'Make somebody an administrator, or take it back.' },
] as const satisfies readonly ApiScope[];

/** Of the platform API, `{console address}/platform/v1`; only the first instance issues tokens for it. */
export const platformScopes = [
  { name: 'instance:read', description: 'Read instances.' },
  { name: 'instance:manage', description: 'Create, suspend, resume, export and delete instances.' },
] as const satisfies readonly ApiScope[];

/** The audience of tokens for the management API of an instance. */
export const managementAudience = (issuer: string) => `${issuer}/api/v1`;

/** The audience of tokens for the platform API. */
export const platformAudience = (consoleUrl: string) => `${consoleUrl}/platform/v1`;

/** Names our own APIs and their scopes; once for each Core that hands out grants of them. */
export function defineOwnApis(core: Core): void {
  defineBuiltInApi(core, { kind: 'management', name: 'Management API', scopes: managementScopes });
  defineBuiltInApi(core, { kind: 'platform', name: 'Platform API', scopes: platformScopes });
}
