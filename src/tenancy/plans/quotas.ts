/** Everything that a plan may limit or bill. */

/**
 * - counted: what there is at the moment; exact in the transaction of each creation where the plan has a limit.
 * - monthly: what was done in a month (UTC). - distinct: who was seen in a month, each once.
 * - rate: how often in a stretch of time; never billed.
 */
export type QuotaKind = 'counted' | 'monthly' | 'distinct' | 'rate';

interface Definition {
  readonly kind: QuotaKind;
  readonly description: string;
  /** False: a plan may bill it but not refuse it. Nobody is kept from signing in by a bill. */
  readonly limitable: boolean;
}

export const quotas = {
  users: { kind: 'counted', limitable: true, description: 'Users, with deleted ones until they are erased.' },
  applications: { kind: 'counted', limitable: true, description: 'Applications that people use; without those that are part of the product.' },
  machineApplications: { kind: 'counted', limitable: true, description: 'Applications that act for themselves (client_credentials).' },
  identitySources: { kind: 'counted', limitable: true, description: 'Identity sources.' },
  activeUsers: { kind: 'distinct', limitable: false, description: 'Users who signed in at least once in the month.' },
  signIns: { kind: 'monthly', limitable: false, description: 'Sign-ins in the month.' },
  tokens: { kind: 'monthly', limitable: false, description: 'Answers of the token endpoint with an access token in the month.' },
  apiCalls: { kind: 'monthly', limitable: true, description: 'Calls of the management API in the month that were let in.' },
  scimCalls: { kind: 'monthly', limitable: true, description: 'SCIM calls in the month.' },
  webhookCalls: { kind: 'monthly', limitable: true, description: 'Calls of webhooks in the month.' },
  webhookCallsDropped: { kind: 'monthly', limitable: false, description: 'Calls of webhooks in the month that were not made, as their flow had too many in a minute.' },
  federationTrustSources: { kind: 'distinct', limitable: true, description: 'Federation trust sources used in the month.' },
  requestsPerSecond: { kind: 'rate', limitable: true, description: 'Requests a second of each application; an application or the settings may ask for fewer.' },
  webhookCallsPerMinute: { kind: 'rate', limitable: true, description: 'Webhook calls a minute of each flow; those beyond are dropped and counted.' },
} as const satisfies Record<string, Definition>;

export type Quota = keyof typeof quotas;
type OfKind<Kind extends QuotaKind> = { [Name in Quota]: (typeof quotas)[Name]['kind'] extends Kind ? Name : never }[Quota];
export type CountedQuota = OfKind<'counted'>;
export type MonthlyQuota = OfKind<'monthly'>;
export type DistinctQuota = OfKind<'distinct'>;
export type RateQuota = OfKind<'rate'>;

export const quotaNames = Object.keys(quotas) as [Quota, ...Quota[]];
export const kindOf = (quota: Quota): QuotaKind => quotas[quota].kind;
export const countedQuotas = quotaNames.filter((name): name is CountedQuota => kindOf(name) === 'counted');
