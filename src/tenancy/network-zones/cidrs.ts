/**
 * Address ranges in CIDR notation (RFC 4632, RFC 4291 §2.3), compared as numbers. An IPv4 address in its mapped IPv6 form
 * is that IPv4 address (core/addresses.ts), so a range is of one family and says which.
 */
import type ipaddr from 'ipaddr.js';
import { parseAddress } from '../../core/addresses.ts';

export type Family = 'ipv4' | 'ipv6';

/** What an address is to a lookup: family and value. */
export interface AddressNumber { readonly family: Family; readonly value: bigint }

export interface Cidr extends AddressNumber {
  /** How many leading bits count. */
  readonly length: number;
  /** Canonical (RFC 5952). */
  readonly text: string;
}

export const bitsOf: Record<Family, number> = { ipv4: 32, ipv6: 128 };
const listOf: Record<Family, string> = { ipv4: 'ipv4Cidrs', ipv6: 'ipv6Cidrs' };

/** An address as resolvers, sockets and trusted proxies spell it; undefined when it is none. */
export function readAddress(text: string): (AddressNumber & { readonly text: string }) | undefined {
  const address = parseAddress(text);
  return address && { family: address.kind(), value: numberOf(address), text: textOf(address) };
}

/**
 * Reads one range of a family; a plain address is a range of one. A range whose host bits are set is refused, because
 * `10.1.2.3/8` is more often a slip than a wish for all of 10/8.
 */
export function readCidr(text: string, family: Family): Cidr | { readonly fault: string } {
  const [, host, suffix] = /^([^/]+)(?:\/(0|[1-9]\d{0,2}))?$/.exec(text) ?? [];
  const address = host === undefined ? undefined : parseAddress(host);
  const example = family === 'ipv4' ? '203.0.113.0/24' : '2001:db8::/32';
  if (!address) return { fault: `is not a range such as ${example}` };
  if (address.kind() !== family) {
    return { fault: address.kind() === 'ipv4' ? `is an IPv4 address; put it into ${listOf.ipv4} in its ordinary form` : `is an IPv6 address; put it into ${listOf.ipv6}` };
  }
  const bits = bitsOf[family];
  const length = suffix === undefined ? bits : Number(suffix);
  if (length > bits) return { fault: `has a prefix longer than ${bits} bits` };
  const value = numberOf(address);
  const network = prefixOf(value, length, bits);
  const whole = `${textOf(addressOf(network, address))}/${length}`;
  if (network !== value) return { fault: `has bits set behind its prefix; write ${whole} for the range or ${textOf(address)}/${bits} for the one address` };
  return { family, value, length, text: whole };
}

/** The leading `length` of `bits` bits, the others zero. */
export function prefixOf(value: bigint, length: number, bits: number): bigint {
  const rest = BigInt(bits - length);
  return (value >> rest) << rest;
}

/** Whether the ranges of one family together leave out no public address. What is not public cannot call from outside. */
export function coverEverything(cidrs: readonly Cidr[]): boolean {
  return (['ipv4', 'ipv6'] as const).some((family) => {
    const own = cidrs.filter((cidr) => cidr.family === family);
    return own.length > 0 && isWhole([...own, ...notPublic[family]], bitsOf[family]);
  });
}

/** Ranges that no host of the public Internet has (IANA special-purpose registries; RFC 4291 §2.4). */
const notPublic: Record<Family, readonly Cidr[]> = {
  ipv4: known('ipv4', ['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12', '192.0.0.0/24', '192.0.2.0/24',
    '192.168.0.0/16', '198.18.0.0/15', '198.51.100.0/24', '203.0.113.0/24', '224.0.0.0/3']),
  ipv6: known('ipv6', ['::/3', '4000::/2', '8000::/1', '2001:db8::/32', '3fff::/20']),
};

function known(family: Family, texts: readonly string[]): Cidr[] {
  return texts.flatMap((text) => {
    const cidr = readCidr(text, family);
    return 'fault' in cidr ? [] : [cidr];
  });
}

function isWhole(cidrs: readonly Cidr[], bits: number): boolean {
  let covered = 0n;                                   // all below it
  for (const { value, length } of cidrs.toSorted((left, right) => (left.value < right.value ? -1 : 1))) {
    if (value > covered) return false;
    const end = value + (1n << BigInt(bits - length));
    if (end > covered) covered = end;
  }
  return covered === 1n << BigInt(bits);
}

type Address = ipaddr.IPv4 | ipaddr.IPv6;

function numberOf(address: Address): bigint {
  return BigInt(`0x${Buffer.from(address.toByteArray()).toString('hex')}`);
}

function textOf(address: Address): string {
  return address.kind() === 'ipv4' ? address.toString() : (address as ipaddr.IPv6).toRFC5952String();
}

/** The address of this number, of the same family as `like`. */
function addressOf(value: bigint, like: Address): Address {
  const bytes = [...Buffer.from(value.toString(16).padStart(like.toByteArray().length * 2, '0'), 'hex')];
  return new (like.constructor as new (bytes: number[]) => Address)(bytes);
}
