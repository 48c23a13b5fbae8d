/**
 * Which host serves what. Addresses come from configuration and verified domains, never from what a request claims:
 * a host is only looked up, and the instance is read from it (or from `/t/{instance}`) once.
 */
import type { Config } from '../config.ts';

/** The slug of an instance: part of its addresses. */
export const instanceSlug = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/** Host names that a server with INSTANCE_HOSTS may need for itself, and what looks like punycode (RFC 5890 §2.3.1). */
const reservedSlugs = new Set(['www', 'console', 'platform', 'api', 'docs', 'mail', 'autodiscover', 'localhost']);

/** Whether a slug would take an address that the server itself answers. */
export function isReservedSlug(config: Config, slug: string): boolean {
  const host = config.instanceHostSuffix && `${slug}.${config.instanceHostSuffix}`;
  return reservedSlugs.has(slug) || slug.slice(2, 4) === '--' || host === new URL(config.publicUrl).host || host === new URL(config.consoleUrl).host;
}

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
 * Where the public address is a loopback one, the other literal names of this machine are the public host too.
 */
export function roleOfHost(config: Config, domains: ReadonlyMap<string, string>, header: string | undefined): HostRole {
  const host = (header ?? '').toLowerCase();
  const { publicHosts, consoleHost } = hostsOf(config);
  if (publicHosts.has(host)) return { kind: 'public' };
  if (host === consoleHost) return { kind: 'console' };
  const instanceId = domains.get(host);
  if (instanceId) return { kind: 'instance', instanceId };
  const suffix = config.instanceHostSuffix && `.${config.instanceHostSuffix}`;
  if (suffix && host.endsWith(suffix) && instanceSlug.test(host.slice(0, -suffix.length))) return { kind: 'instance', instanceId: host.slice(0, -suffix.length) };
  return { kind: 'unknown' };
}

interface OwnHosts { readonly publicHosts: ReadonlySet<string>; readonly consoleHost: string }

const knownHosts = new WeakMap<Config, OwnHosts>();      // parsed once, asked at every request

function hostsOf(config: Config): OwnHosts {
  const known = knownHosts.get(config);
  if (known) return known;
  const { host, hostname, port } = new URL(config.publicUrl);
  // Literal loopback names with the same port: no name that a stranger's DNS could point here (DNS rebinding).
  const loopbackNames = ['localhost', '127.0.0.1', '[::1]'];
  const others = loopbackNames.includes(hostname) ? loopbackNames.map((name) => (port ? `${name}:${port}` : name)) : [];
  const hosts = { publicHosts: new Set([host, ...others]), consoleHost: new URL(config.consoleUrl).host };
  knownHosts.set(config, hosts);
  return hosts;
}
