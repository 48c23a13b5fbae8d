import type { AccessPolicy as Row } from '../../generated/prisma/client.ts';
import { omit } from '../../core/omit.ts';
import { type PolicyEffect, type PolicyStatus, type SecondFactorMethod, type Targets, targetsSchema } from './schemas.ts';

export interface SecondFactorRule {
  /** One of these is enough. */
  readonly methods: readonly SecondFactorMethod[];
  /** How old it may be. */
  readonly intervalSeconds: number;
}

export interface AccessPolicy extends Omit<Row, 'instanceId' | 'status' | 'effect' | 'include' | 'exclude' | 'secondFactor'> {
  readonly status: PolicyStatus;
  readonly effect: PolicyEffect;
  readonly include: Targets;
  readonly exclude: Targets;
  readonly secondFactor: SecondFactorRule | null;
}

export function fromRow(row: Row): AccessPolicy {
  return {
    ...omit(row, 'instanceId'), status: row.status as PolicyStatus, effect: row.effect as PolicyEffect,
    include: targetsSchema.parse(row.include), exclude: targetsSchema.parse(row.exclude), secondFactor: row.secondFactor as SecondFactorRule | null,
  };
}

/** As the event log shows it; the REST API adds the zones by name. */
export function viewPolicy(policy: AccessPolicy) {
  return {
    ...omit(policy, 'version'),
    secondFactor: policy.secondFactor && { methods: [...policy.secondFactor.methods], intervalSeconds: policy.secondFactor.intervalSeconds },
    createdAt: policy.createdAt.toISOString(), updatedAt: policy.updatedAt.toISOString(),
  };
}

/** The order in which policies are asked. */
export function inOrder(left: AccessPolicy, right: AccessPolicy): number {
  return left.priority - right.priority || left.createdAt.getTime() - right.createdAt.getTime() || (left.id < right.id ? -1 : 1);
}
