import ipaddr from 'ipaddr.js';

/**
 * Which addresses the server may call by itself. Judged as numbers, never as text: an address has
 * many spellings, and IPv6 has forms that carry an IPv4 address inside.
 */

type Address = ipaddr.IPv4 | ipaddr.IPv6;

/** Reads a numeric address in its ordinary spelling, as resolvers and URL parsers give it. */
export function parseAddress(text: string): Address | undefined {
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) return ipaddr.IPv4.parse(text);
  if (!text.includes(':')) return undefined;
  // The URL parser refuses zones (RFC 4007 §11, only ever link-local) and spells the number in groups:
  // ipaddr.js reads `::8.8.8.8`, as resolvers spell IPv4-compatible addresses, as the mapped one.
  const groups = URL.parse(`http://[${text}]/`)?.hostname.slice(1, -1);
  if (groups === undefined || !ipaddr.IPv6.isValid(groups)) return undefined;
  const address = ipaddr.IPv6.parse(groups);
  // The kernel connects a mapped address over IPv4, so it is that IPv4 address (RFC 4291 §2.5.5.2).
  return address.isIPv4MappedAddress() ? address.toIPv4Address() : address;
}

/**
 * Whether an address belongs to a host of the public Internet (IANA special-purpose registries,
 * RFC 6890). NAT64's well-known prefix is judged by the IPv4 address inside (RFC 6052 §3.1): it is
 * how an IPv6-only network reaches IPv4. The other forms that carry an IPv4 address (6to4, Teredo,
 * IPv4-compatible, IPv4-translated, local-use NAT64) lead to relays nobody runs any more or to the
 * local network, and are not global whatever they carry. A network's own NAT64 prefix (RFC 6052
 * §2.2) cannot be told from the outside.
 */
export function isGlobalUnicast(address: Address): boolean {
  if (address instanceof ipaddr.IPv4) return address.range() === 'unicast';
  const parts = address.parts;
  const last32 = () => new ipaddr.IPv4(address.toByteArray().slice(12));
  if (address.match(ipaddr.IPv6.parseCIDR('64:ff9b::/96'))) return isGlobalUnicast(last32());
  // Only 2000::/3 is handed out as global unicast (RFC 4291 §2.4); `range()` calls the rest unicast too.
  if (((parts[0] ?? 0) & 0xe000) !== 0x2000 || address.range() !== 'unicast') return false;
  // ISATAP interface identifiers (RFC 5214 §6.1) tunnel to the IPv4 address in their last half.
  const isIsatap = ((parts[4] ?? 0) & 0xfdff) === 0 && parts[5] === 0x5efe;
  return !isIsatap || isGlobalUnicast(last32());
}

/**
 * A host as it is connected to: lower case, without a trailing dot, IDNA mapped, numbers in every
 * spelling (decimal, octal, hexadecimal, short, full-width) as their address, by the parser of the
 * URL Standard. Undefined when the text is more or less than a host.
 */
export function canonicalHost(host: string): { name: string; address: Address | undefined } | undefined {
  const bracketed = host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
  if (/[/\\?#@\s]/.test(bracketed) || /:\d*$/.test(bracketed.replace(/^\[.*\]/, ''))) return undefined;
  const url = URL.parse(`http://${bracketed}/`);
  return url === null ? undefined : canonicalUrlHost(url);
}

/** The same for an already parsed URL. */
export function canonicalUrlHost(url: URL): { name: string; address: Address | undefined } {
  const name = url.hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '');
  return { name, address: parseAddress(name) };
}

/** Names that mean this machine without asking a resolver (RFC 6761 §6.3). */
export function isLocalhostName(name: string): boolean {
  return name === 'localhost' || name.endsWith('.localhost');
}

/** What the operator opened in OUTBOUND_ALLOW. */
export interface Allowance {
  /** Whether this address may be called although it is not global; `name` is the host it was resolved from. */
  permits(address: Address, name: string, port: number | undefined): boolean;
  /** Whether the name itself is listed, for names that are otherwise refused unresolved. */
  lists(name: string, port: number | undefined): boolean;
}

/**
 * Reads OUTBOUND_ALLOW: ranges (`10.1.0.0/16`, `fd00::/8`), addresses and names, these with an
 * optional port (`10.1.2.3`, `[::1]:8080`, `ldap.internal`, `localhost:9000`). A listed name opens
 * private and loopback addresses behind it, but not link-local ones, where clouds keep their
 * metadata service, nor multicast or reserved ones: these need a range.
 * Throws one error that names every bad entry.
 */
export function parseAllowance(entries: readonly string[]): Allowance {
  const rules = entries.map((entry) => ({ entry, rule: parseRule(entry.trim()) }));
  const bad = rules.filter(({ rule }) => rule === undefined).map(({ entry }) => JSON.stringify(entry));
  if (bad.length > 0) {
    throw new Error(`OUTBOUND_ALLOW takes ranges such as 10.1.0.0/16 and hosts such as ldap.internal or ldap.internal:636, but has ${bad.join(', ')}`);
  }
  const known = rules.flatMap(({ rule }) => (rule === undefined ? [] : [rule]));
  const lists = (name: string, port: number | undefined) =>
    known.some((rule) => rule.name === name && (rule.port === undefined || rule.port === port));
  return {
    lists,
    permits: (address, name, port) => known.some((rule) =>
      rule.range !== undefined && isInRange(address, rule.range) && (rule.port === undefined || rule.port === port))
      || (isPrivate(address) && lists(name, port)),
  };
}

interface Rule { name?: string; range?: [Address, number]; port?: number }

function parseRule(entry: string): Rule | undefined {
  if (entry.includes('/')) return parseRange(entry);
  const [, bare, portText] = /^(.*?)(?::(\d{1,5}))?$/.exec(entry) ?? [];
  const isPlainIpv6 = ipaddr.IPv6.isValid(entry);
  const host = bare === undefined || bare === '' ? undefined : canonicalHost(isPlainIpv6 ? entry : bare);
  if (host === undefined || host.name === '') return undefined;
  const port = isPlainIpv6 || portText === undefined ? undefined : Number(portText);
  if (port !== undefined && (port < 1 || port > 65_535)) return undefined;
  if (host.address === undefined && !/^[a-z0-9_.-]+$/.test(host.name)) return undefined;   // no patterns
  const onPort = port === undefined ? {} : { port };
  return host.address === undefined
    ? { name: host.name, ...onPort }
    : { range: [host.address, host.address.kind() === 'ipv4' ? 32 : 128], ...onPort };
}

/** The host part must be zero: `10.1.2.3/8` is more often a slip than a wish for all of 10/8. */
function parseRange(text: string): Rule | undefined {
  if (!ipaddr.isValidCIDR(text)) return undefined;
  const [address, length] = ipaddr.parseCIDR(text);
  const network = address.kind() === 'ipv4'
    ? ipaddr.IPv4.networkAddressFromCIDR(text)
    : ipaddr.IPv6.networkAddressFromCIDR(text);
  return network.toString() === address.toString() ? { range: [address, length] } : undefined;
}

function isInRange(address: Address, [network, length]: [Address, number]): boolean {
  if (address instanceof ipaddr.IPv4) return network instanceof ipaddr.IPv4 && address.match(network, length);
  return network instanceof ipaddr.IPv6 && address.match(network, length);
}

function isPrivate(address: Address): boolean {
  return ['private', 'loopback', 'carrierGradeNat', 'uniqueLocal'].includes(address.range());
}

/** Who a client is to a limit: an IPv4 address, or the /64 of an IPv6 one, which one subscriber has whole (RFC 6177). What is no address is one group. */
export function networkOf(address: string | undefined): string {
  const parsed = address === undefined ? undefined : parseAddress(address);
  if (!parsed) return 'unknown';
  if (parsed instanceof ipaddr.IPv4) return parsed.toString();
  return `${parsed.parts.slice(0, 4).map((part) => part.toString(16)).join(':')}::/64`;
}
