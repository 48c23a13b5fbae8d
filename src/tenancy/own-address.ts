import type { Core } from '../core/core.ts';
import { roleOfHost } from './addresses.ts';
import { hostMap } from './host-map.ts';

/**
 * Whether an address is one of this server: the public one, the console's, or that of any instance. A redirect there
 * would hand codes and tokens to our own pages. Another port of the same machine is somebody else.
 */
export function isOwnAddress(core: Core, url: URL): boolean {
  const host = url.host.replace(/\.(?=:|$)/, '');       // the root's dot names the same host
  return roleOfHost(core.config, hostMap(core).hosts, host).kind !== 'unknown';
}
