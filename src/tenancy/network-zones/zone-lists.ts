/** Where something may be used from: a list of zones that may, and one of zones that may not. Denying wins. */
import type { InstanceContext } from '../context.ts';
import { loadZones } from './zone-cache.ts';

export interface ZoneLists {
  /** Empty: from everywhere. */
  readonly allowed: readonly string[];
  readonly denied: readonly string[];
}

/** What is known of an address: ids of its zones; undefined when there is no address that could be read. */
type Found = ReadonlySet<string> | undefined;

/** An address that cannot be read is refused by every list: it could be any. */
export function permits({ allowed, denied }: ZoneLists, found: Found): boolean {
  if (allowed.length === 0 && denied.length === 0) return true;
  if (found === undefined || denied.some((id) => found.has(id))) return false;
  return allowed.length === 0 || allowed.some((id) => found.has(id));
}

async function isPermitted(context: InstanceContext, lists: ZoneLists): Promise<boolean> {
  if (lists.allowed.length === 0 && lists.denied.length === 0) return true;
  return permits(lists, (await loadZones(context)).zonesOf(context.address));
}

type NetworkAccess = InstanceContext['instance']['settings']['networkAccess'];

export const signInLists = ({ signInZoneIds, signInDeniedZoneIds }: NetworkAccess): ZoneLists => ({ allowed: signInZoneIds, denied: signInDeniedZoneIds });
export const managementLists = ({ managementZoneIds, managementDeniedZoneIds }: NetworkAccess): ZoneLists => ({ allowed: managementZoneIds, denied: managementDeniedZoneIds });

/** Whether anybody may sign in from the address of this request. Looks at no account. */
export const isSignInOpenFromHere = (context: InstanceContext): Promise<boolean> => isPermitted(context, signInLists(context.instance.settings.networkAccess));

/** Whether the console and the management API may be used from there. */
export const isManagementOpenFromHere = (context: InstanceContext): Promise<boolean> => isPermitted(context, managementLists(context.instance.settings.networkAccess));
