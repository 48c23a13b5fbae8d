/** Host names as instances claim them. */
import { domainToASCII } from 'node:url';
import type { Config } from '../config.ts';
import { hostnameRefused } from './errors.ts';

/** Never in the public DNS, or with a meaning of their own (RFC 6761, RFC 7686). */
const reservedNames = /(^|\.)(localhost|invalid|onion|arpa)$/;
const label = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/**
 * Brings a host name into its one form: lower case, international names as punycode (UTS #46), no dot at the end.
 * @throws Problem 400 for what is no host name, is an address, or belongs to the server itself
 */
export function normalizeHostname(config: Config, given: string): string {
  const refused = () => hostnameRefused('must be a full host name such as login.example.com, without scheme, port or path');
  if (/[/?#@:%\\[\]]/.test(given)) throw refused();  // the URL parser below would cut the rest off, or decode it
  const hostname = domainToASCII(given.trim().replace(/[.。．｡]$/u, '')).toLowerCase();
  const labels = hostname.split('.');
  if (hostname.length > 253 || labels.length < 2 || !labels.every((part) => label.test(part)) || /^\d+$/.test(labels.at(-1) ?? '')) {
    throw refused();
  }
  if (reservedNames.test(hostname) || isOwnHost(config, hostname)) throw hostnameRefused(`${hostname} is reserved`);
  return hostname;
}

function isOwnHost(config: Config, hostname: string): boolean {
  const suffix = config.instanceHostSuffix?.replace(/:\d+$/, '');
  return hostname === new URL(config.publicUrl).hostname || hostname === new URL(config.consoleUrl).hostname
    || (suffix !== undefined && (hostname === suffix || hostname.endsWith(`.${suffix}`)));
}
