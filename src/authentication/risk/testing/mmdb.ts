/** Writes a small database in MMDB format (MaxMind DB File Format Specification 2.0), for tests: IPv4, records of 24 bits. */
import { readCidr } from '../../../tenancy/index.ts';

export type MmdbValue = string | number | { readonly [name: string]: MmdbValue };

/** A file that answers `places[range]` for addresses within the range; ranges must not overlap. */
export function writeMmdb(places: Readonly<Record<string, MmdbValue>>): Buffer {
  const data: Buffer[] = [];
  let dataBytes = 0;
  const nodes: (number | { data: number } | undefined)[][] = [[undefined, undefined]];
  for (const [range, value] of Object.entries(places)) {
    const cidr = readCidr(range, 'ipv4');
    if ('fault' in cidr) throw new Error(cidr.fault);
    const encoded = encode(value);
    let node = 0;
    for (let bit = 0; bit < cidr.length; bit += 1) {
      const side = Number((cidr.value >> BigInt(31 - bit)) & 1n);
      const record = nodes[node] ?? [];
      if (bit === cidr.length - 1) { record[side] = { data: dataBytes }; break; }
      let next = record[side];
      if (typeof next !== 'number') {
        next = nodes.push([undefined, undefined]) - 1;
        record[side] = next;
      }
      node = next;
    }
    data.push(encoded);
    dataBytes += encoded.length;
  }
  const count = nodes.length;
  const tree = Buffer.concat(nodes.flat().map((record) => {
    const bytes = Buffer.alloc(3);
    bytes.writeUIntBE(record === undefined ? count : typeof record === 'number' ? record : count + 16 + record.data, 0, 3);
    return bytes;
  }));
  const metadata = encode({ node_count: count, record_size: 24, ip_version: 4, database_type: 'Test-City', binary_format_major_version: 2, binary_format_minor_version: 0, build_epoch: 1_790_000_000 });
  return Buffer.concat([tree, Buffer.alloc(16), ...data, Buffer.from('abcdef', 'hex'), Buffer.from('MaxMind.com'), metadata]);
}

function encode(value: MmdbValue): Buffer {
  if (typeof value === 'string') return Buffer.concat([control(2, Buffer.byteLength(value)), Buffer.from(value)]);
  if (typeof value === 'number') {
    if (Number.isInteger(value) && value >= 0) {
      const bytes = Buffer.alloc(4);
      bytes.writeUInt32BE(value);
      return Buffer.concat([control(6, 4), bytes]);
    }
    const bytes = Buffer.alloc(8);
    bytes.writeDoubleBE(value);
    return Buffer.concat([control(3, 8), bytes]);
  }
  const entries = Object.entries(value);
  return Buffer.concat([control(7, entries.length), ...entries.flatMap(([name, inner]) => [encode(name), encode(inner)])]);
}

/** Types up to 7 and sizes below 29 fit into the one byte. */
const control = (type: number, size: number): Buffer => (size < 29 ? Buffer.of((type << 5) | size) : Buffer.of((type << 5) | 29, size - 29));

/** A place as GeoLite2-City and its like have it. */
export const cityOf = (country: string, city: string, latitude: number, longitude: number): MmdbValue => ({
  country: { iso_code: country }, city: { names: { en: city } }, location: { latitude: latitude + 0.0001, longitude: longitude + 0.0001 } });
