import { describe, expect, it } from 'vitest';
import { type Cidr, coverEverything, readAddress, readCidr } from './cidrs.ts';

const cidr = (text: string): Cidr => {
  const read = readCidr(text, text.includes(':') ? 'ipv6' : 'ipv4');
  if ('fault' in read) throw new Error(read.fault);
  return read;
};

describe('a range in CIDR notation (RFC 4632 §3.1, RFC 4291 §2.3)', () => {
  it.each([
    ['203.0.113.0/24', '203.0.113.0/24'], ['203.0.113.7', '203.0.113.7/32'], ['0.0.0.0/0', '0.0.0.0/0'], ['10.0.0.0/8', '10.0.0.0/8'],
    ['2001:DB8:0:0::/32', '2001:db8::/32'], ['2001:db8::1', '2001:db8::1/128'], ['::/0', '::/0'], ['2001:db8:0:1:0:0:0:0/64', '2001:db8:0:1::/64'],
  ])('%s is kept as %s', (text, canonical) => {
    expect(cidr(text).text).toBe(canonical);
  });

  it.each([
    ['10.1.2.3/8', 'write 10.0.0.0/8 for the range or 10.1.2.3/32'], ['2001:db8::1/32', 'write 2001:db8::/32'],
    ['10.0.0.0/33', 'longer than 32'], ['2001:db8::/129', 'longer than 128'], ['10.0.0.0/08', 'not a range'], ['10.0.0.0/-1', 'not a range'],
    ['010.0.0.1/32', 'not a range'], ['0x0a000001/32', 'not a range'], ['10.1/16', 'not a range'], ['167772161', 'not a range'], ['10.0.0.0/8/8', 'not a range'],
    ['office', 'not a range'], ['', 'not a range'], ['10.0.0.0/24.5', 'not a range'], ['10.0.0.0 /24', 'not a range'],
  ])('%s is refused: %s', (text, fault) => {
    expect(readCidr(text, text.includes(':') ? 'ipv6' : 'ipv4')).toEqual({ fault: expect.stringContaining(fault) as string });
  });

  it.each(['fe80::1%eth0/128', 'fe80::%1/64'])('%s is refused: a zone index names a link of one machine (RFC 4007 §11)', (text) => {
    expect(readCidr(text, 'ipv6')).toHaveProperty('fault');
  });

  it('belongs to one family, whatever its spelling', () => {
    expect(readCidr('::ffff:10.0.0.1/128', 'ipv6')).toEqual({ fault: expect.stringContaining('is an IPv4 address; put it into ipv4Cidrs') as string });
    expect(readCidr('10.0.0.0/8', 'ipv6')).toEqual({ fault: expect.stringContaining('ipv4Cidrs') as string });
    expect(readCidr('2001:db8::/32', 'ipv4')).toEqual({ fault: expect.stringContaining('ipv6Cidrs') as string });
    expect(readAddress('::ffff:203.0.113.9')).toEqual(readAddress('203.0.113.9'));
    expect(readAddress('::ffff:cb00:7109')).toEqual(readAddress('203.0.113.9'));
  });
});

describe('a zone of everything', () => {
  const halves = (from: number, length: number) => Array.from({ length: 2 ** length - from }, (_, index) => `${(index + from) << (8 - length)}.0.0.0/${length}`);
  it.each([
    [['0.0.0.0/0']], [['::/0']], [['0.0.0.0/1', '128.0.0.0/1']], [['::/1', '8000::/1']], [['::/1']], [['2000::/3']], [halves(0, 4)], [halves(0, 8)],
    [['0.0.0.0/1', '128.0.0.0/2', '192.0.0.0/3']],                       // all but multicast and reserved ones
    [['::/0', '10.0.0.0/8']], [['2000::/4', '3000::/4', '203.0.113.0/24']],
    [['8.0.0.0/5', '0.0.0.0/5', '16.0.0.0/4', '32.0.0.0/3', '64.0.0.0/2', '128.0.0.0/1']],
  ])('is seen in %j', (texts) => {
    expect(coverEverything(texts.map(cidr))).toBe(true);
  });

  it.each([
    [[]], [['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16']], [['fc00::/7']], [['0.0.0.0/1']], [['0.0.0.0/1', '128.0.0.0/2']], [['8000::/1', 'fc00::/7']],
    [halves(0, 8).filter((text) => !text.startsWith('8.'))], [['2000::/4']],
  ])('is not seen in %j', (texts) => {
    expect(coverEverything(texts.map(cidr))).toBe(false);
  });
});
