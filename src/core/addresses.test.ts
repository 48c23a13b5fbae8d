import { describe, expect, it } from 'vitest';
import { canonicalHost, canonicalUrlHost, isGlobalUnicast, networkOf, parseAddress, parseAllowance } from './addresses.ts';

describe('out.addresses: global unicast', () => {
  it.each([
    '8.8.8.8', '1.1.1.1', '9.255.255.255', '11.0.0.0', '172.15.255.255', '172.32.0.0', '100.63.255.255',
    '100.128.0.0', '126.255.255.255', '128.0.0.0', '169.253.255.255', '192.167.255.255', '223.255.255.255',
    '2606:4700:4700::1111', '2a00:1450:4001:82a::200e', '::ffff:8.8.8.8', '64:ff9b::8.8.8.8',
    '2606:4700::5efe:8.8.8.8',
  ])('%s may be called', (text) => {
    const address = parseAddress(text);
    expect(address !== undefined && isGlobalUnicast(address)).toBe(true);
  });

  it.each([
    ['this network', '0.0.0.0'], ['this network', '0.1.2.3'],
    ['loopback', '127.0.0.1'], ['loopback', '127.255.255.254'],
    ['private', '10.0.0.1'], ['private', '172.16.0.1'], ['private', '172.31.255.255'], ['private', '192.168.1.1'],
    ['link-local', '169.254.0.1'], ['cloud metadata', '169.254.169.254'], ['cloud metadata, other', '100.100.100.200'],
    ['carrier-grade NAT', '100.64.0.1'], ['protocol assignments', '192.0.0.8'],
    ['documentation', '192.0.2.1'], ['documentation', '198.51.100.1'], ['documentation', '203.0.113.1'],
    ['6to4 relay', '192.88.99.1'], ['benchmarking', '198.18.0.1'], ['benchmarking', '198.19.255.255'],
    ['multicast', '224.0.0.1'], ['multicast', '239.255.255.255'], ['reserved', '240.0.0.1'], ['broadcast', '255.255.255.255'],
    ['unspecified', '::'], ['loopback', '::1'], ['mapped loopback', '::ffff:127.0.0.1'], ['mapped, in hex', '::ffff:a00:1'],
    ['mapped, long', '0:0:0:0:0:ffff:c0a8:0101'], ['IPv4-compatible', '::127.0.0.1'], ['IPv4-compatible, public', '::8.8.8.8'],
    ['IPv4-translated', '::ffff:0:127.0.0.1'], ['NAT64 of private', '64:ff9b::10.0.0.1'], ['NAT64 of metadata', '64:ff9b::a9fe:a9fe'],
    ['local-use NAT64', '64:ff9b:1::10.0.0.1'], ['local-use NAT64, public', '64:ff9b:1::8.8.8.8'],
    ['6to4 of loopback', '2002:7f00:1::'], ['6to4 of private', '2002:c0a8:101::1'], ['6to4, public', '2002:808:808::1'],
    ['Teredo', '2001:0:4136:e378:8000:63bf:3fff:fdd2'], ['ISATAP of private', '2606:4700::5efe:10.0.0.1'],
    ['ISATAP of private, u bit', '2606:4700::200:5efe:10.0.0.1'],
    ['unique local', 'fc00::1'], ['unique local', 'fd12:3456::1'], ['AWS metadata', 'fd00:ec2::254'],
    ['link-local', 'fe80::1'], ['link-local', 'febf::1'], ['site-local', 'fec0::1'], ['multicast', 'ff02::1'],
    ['discard', '100::1'], ['documentation', '2001:db8::1'], ['documentation', '3fff::1'], ['benchmarking', '2001:2::1'],
    ['ORCHID', '2001:20::1'], ['segment routing', '5f00::1'], ['unassigned', '4000::1'], ['unassigned', '1::1'],
  ])('%s (%s) may not', (_name, text) => {
    const address = parseAddress(text);
    if (address === undefined) throw new Error('was not read');
    expect(isGlobalUnicast(address)).toBe(false);
  });
});

describe('out.addresses: spellings', () => {
  it.each([
    ['decimal', '2130706433'], ['hexadecimal', '0x7f000001'], ['octal', '017700000001'], ['octal parts', '0177.0.0.1'],
    ['hexadecimal parts', '0x7f.0x0.0x0.0x1'], ['mixed', '0x7f.1'], ['short', '127.1'], ['shorter', '127.0.1'],
    ['trailing dot', '127.0.0.1.'], ['full-width', '１２７．０．０．１'], ['circled', '①②⑦.⓪.⓪.①'], ['ideographic dots', '127。0。0。1'],
    ['mapped', '::ffff:127.0.0.1'], ['mapped, bracketed', '[::ffff:7f00:1]'], ['mapped, zeros', '0000:0000:0000:0000:0000:ffff:7f00:0001'],
    ['percent-encoded', '%31%32%37.0.0.1'], ['upper case', '0X7F.0.0.1'],
  ])('%s (%s) is 127.0.0.1', (_name, host) => {
    expect(canonicalHost(host)?.address?.toString()).toBe('127.0.0.1');
  });

  it.each(['0', '0x', '00.0', '0.0.0.0.'])('%s is 0.0.0.0, which systems connect to themselves', (host) => {
    expect(canonicalHost(host)?.address?.toString()).toBe('0.0.0.0');
  });

  it.each([
    'http://2130706433/', 'http://0x7f.1:80/', 'http://[::ffff:127.0.0.1]/', 'http:\\\\127.1\\', 'http:127.0.0.1', ' http://127.0.0.1/ ',
  ])('the URL %j too', (url) => {
    expect(canonicalUrlHost(new URL(url)).address?.toString()).toBe('127.0.0.1');
  });

  it.each([
    ['localhost.', 'localhost'], ['LOCALHOST', 'localhost'], ['ⓛⓞⓒⓐⓛⓗⓞⓢⓣ', 'localhost'], ['LDAP.Example.COM.', 'ldap.example.com'], ['bücher.example', 'xn--bcher-kva.example'],
  ])('%s is the name %s', (host, name) => {
    expect(canonicalHost(host)).toEqual({ name, address: undefined });
  });

  it.each([
    '', '256.1.1.1', '1.2.3.4.5', '0xg.1', '127.0.0.1:80', 'host:80', 'host/path', 'user@host', 'host#x', 'host?x', 'ho st', 'host\n',
    'fe80::1%eth0', '[fe80::1%25eth0]', '::1]', '[::1]:80', 'a:b', 'a\\b',
  ])('%j is no host', (host) => {
    expect(canonicalHost(host)).toBeUndefined();
  });
});

describe('OUTBOUND_ALLOW', () => {
  const allowance = parseAllowance([
    '10.1.0.0/16', 'fd00:1::/32', '192.168.7.7', '192.168.8.8:636', '[::1]:8080', 'LDAP.internal', 'localhost:9000', '169.254.0.0/24', '10.9.9.9:25',
  ]);

  it.each<[string, string, number | undefined, boolean]>([
    ['10.1.2.3', '10.1.2.3', 80, true],
    ['10.2.0.1', '10.2.0.1', 80, false],
    ['::ffff:10.1.2.3', 'mapped.example', 80, true],
    ['64:ff9b::10.1.2.3', 'nat64.example', 80, false],
    ['fd00:1::5', 'x.example', 443, true],
    ['fd00:2::5', 'x.example', 443, false],
    ['192.168.7.7', 'x.example', undefined, true],
    ['192.168.7.8', 'x.example', undefined, false],
    ['192.168.8.8', 'x.example', 636, true],
    ['192.168.8.8', 'x.example', 389, false],
    ['192.168.8.8', 'x.example', undefined, false],
    ['::1', '::1', 8080, true],
    ['::1', '::1', 80, false],
    ['172.16.1.1', 'ldap.internal', 389, true],
    ['172.16.1.1', 'other.internal', 389, false],
    ['172.16.1.1', 'a.ldap.internal', 389, false],
    ['127.0.0.1', 'localhost', 9000, true],
    ['127.0.0.1', 'localhost', 9001, false],
    ['169.254.169.254', 'ldap.internal', 80, false],
    ['224.0.0.1', 'ldap.internal', 80, false],
    ['0.0.0.0', 'ldap.internal', 80, false],
    ['169.254.0.7', 'x.example', 80, true],
  ])('%s behind %s, port %s: %s', (text, name, port, permitted) => {
    const address = parseAddress(text);
    if (address === undefined) throw new Error('was not read');
    expect(allowance.permits(address, name, port)).toBe(permitted);
  });

  it('names every bad entry', () => {
    expect(() => parseAllowance(['10.0.0.0/8', '10.1.2.3/8', 'http://x', 'host:0', 'host:99999', '', '*', '10.0.0.0/33']))
      .toThrow(/"10\.1\.2\.3\/8", "http:\/\/x", "host:0", "host:99999", "", "\*", "10\.0\.0\.0\/33"$/);
  });
});

describe('who a client is to a limit', () => {
  it.each([
    ['203.0.113.7', '203.0.113.7'], ['::ffff:203.0.113.7', '203.0.113.7'], ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'], ['2001:db8:1:2::1', '2001:db8:1:2::/64'],
    ['2001:db8:1:3::1', '2001:db8:1:3::/64'], ['::1', '0:0:0:0::/64'], [undefined, 'unknown'], ['evil', 'unknown'],
  ])('groups %s as %s', (address, group) => {
    expect(networkOf(address)).toBe(group);
  });
});
