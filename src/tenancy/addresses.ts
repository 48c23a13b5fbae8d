/**
 * Which host serves what. Addresses come from configuration and verified domains, never from what a request claims:
 * a host is only looked up, and the instance is read from it (or from `/t/{instance}`) once.
 */
import type { Config } from '../config.ts';

/** The slug of an instance: part of its addresses. */
export const instanceSlug = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/** The issuer of an instance: its primary domain, its own host, or a path of the public address. */
export function issuerOf(config: Config, instance: { id: string; primaryDomain: string | null }): string {
  if (instance.primaryDomain) return `https://${instance.primaryDomain}`;
  if (config.instanceHostSuffix) return `${new URL(config.publicUrl).protocol}//${instance.id}.${config.instanceHostSuffix}`;
  return `${config.publicUrl}/t/${instance.id}`;
}

/** What a host of this server serves. */
export type HostRole =
  /** Every path: path mode, console and platform where they share the host. */
  | { kind: 'public' }
  | { kind: 'console' }
  | { kind: 'instance'; instanceId: string }
  | { kind: 'unknown' };

/**
 * Reads a Host header (RFC 9110 §7.2). `domains` are the primary custom domains of instances.
 * Loopback addresses count as the public host where the public address is a loopback one itself, and for health checks.
 */
export function roleOfHost(config: Config, domains: ReadonlyMap<string, string>, header: string | undefined): HostRole {
  const host = (header ?? '').toLowerCase();
  if (host === new URL(config.publicUrl).host) return { kind: 'public' };
  if (host === new URL(config.consoleUrl).host) return { kind: 'console' };
  const instanceId = domains.get(host);
  if (instanceId) return { kind: 'instance', instanceId };
  const suffix = config.instanceHostSuffix && `.${config.instanceHostSuffix}`;
  if (suffix && host.endsWith(suffix) && instanceSlug.test(host.slice(0, -suffix.length))) return { kind: 'instance', instanceId: host.slice(0, -suffix.length) };
  return { kind: 'unknown' };
}
