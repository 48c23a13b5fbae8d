/** What a change of settings must not break: features say it here. */
import { type Core, perCore } from '../core/core.ts';
import type { InstanceContext } from './context.ts';
import type { InstanceSettings } from './settings.ts';

/** Runs in the transaction of the change, before it is written; refuses by throwing. */
export type SettingsCheck = (tx: InstanceContext, before: InstanceSettings, after: InstanceSettings, options: { allowLockOut: boolean }) => Promise<void>;

const checksOf = perCore((): SettingsCheck[] => []);

/** Call it when the feature is registered. */
export function registerSettingsCheck(core: Core, check: SettingsCheck): void {
  checksOf(core).push(check);
}

export async function checkSettingsChange(...[tx, before, after, options]: Parameters<SettingsCheck>): Promise<void> {
  for (const check of checksOf(tx.core)) await check(tx, before, after, options);
}
