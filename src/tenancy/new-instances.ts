/** What every new instance needs besides its row and keys: features that stand on tenancy say it here. */
import { type Core, perCore } from '../core/core.ts';
import type { InstanceContext } from './context.ts';

type Prepare = (tx: InstanceContext) => Promise<void>;

const preparations = perCore((): Prepare[] => []);

/** Runs `prepare` in the transaction that creates an instance, in the order of these calls. Call it when the feature is registered. */
export function prepareNewInstances(core: Core, prepare: Prepare): void {
  preparations(core).push(prepare);
}

/** For `createInstance`. */
export async function prepareNewInstance(tx: InstanceContext): Promise<void> {
  for (const prepare of preparations(tx.core)) await prepare(tx);
}
