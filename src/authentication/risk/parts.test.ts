import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { programOf } from './bots.ts';
import { zeroBits } from './captcha.ts';
import { distanceBetween, openPlaces } from './geoip.ts';
import { readRanges } from './ranges.ts';
import { cityOf, writeMmdb } from './testing/mmdb.ts';

let directory: string;
beforeAll(async () => { directory = await mkdtemp(path.join(tmpdir(), 'postern-places-')); });
afterAll(() => rm(directory, { recursive: true, force: true }));
const surroundings = { log: pino({ level: 'silent' }), now: () => new Date() } as unknown as Parameters<typeof openPlaces>[1];

describe('the file of places (MMDB)', () => {
  it('is read, and read again when another one takes its place', async () => {
    const file = path.join(directory, 'city.mmdb');
    await writeFile(file, writeMmdb({ '198.51.100.0/24': cityOf('DE', 'Berlin', 52.52, 13.4), '203.0.113.0/24': cityOf('CN', 'Shanghai', 31.2, 121.5) }));
    const places = openPlaces(file, surroundings, 0);
    expect(await places.placeOf('198.51.100.7')).toMatchObject({ country: 'DE', city: 'Berlin', position: { latitude: expect.closeTo(52.52, 2) as number } });
    expect(await places.placeOf('203.0.113.1')).toMatchObject({ country: 'CN' });
    expect(await places.placeOf('192.0.2.1')).toBeUndefined();
    await writeFile(`${file}.new`, writeMmdb({ '192.0.2.0/24': cityOf('FR', 'Paris', 48.85, 2.35) }));
    await rename(`${file}.new`, file);
    expect(await places.placeOf('192.0.2.1')).toMatchObject({ country: 'FR' });
    expect(await places.placeOf('198.51.100.7')).toBeUndefined();
  });

  it.each([
    ['none is set', undefined], ['it is not there', 'absent.mmdb'], ['it is broken', 'broken.mmdb'],
  ])('says nothing when %s, and nothing breaks', async (_name, file) => {
    await writeFile(path.join(directory, 'broken.mmdb'), 'this is no database');
    expect(await openPlaces(file && path.join(directory, file), surroundings, 0).placeOf('198.51.100.7')).toBeUndefined();
  });

  it.each([undefined, '', 'x', '::1', '2001:db8::1', '198.51.100.0/24'])('says nothing of %j', async (address) => {
    const file = path.join(directory, 'four.mmdb');
    await writeFile(file, writeMmdb({ '198.51.100.0/24': cityOf('DE', 'Berlin', 52.52, 13.4) }));
    expect(await openPlaces(file, surroundings, 0).placeOf(address)).toBeUndefined();
  });

  it('knows how far places are apart', () => {
    expect(distanceBetween({ latitude: 52.52, longitude: 13.4 }, { latitude: 31.2, longitude: 121.5 })).toBeCloseTo(8_400, -2);
    expect(distanceBetween({ latitude: 0, longitude: 179.9 }, { latitude: 0, longitude: -179.9 })).toBeLessThan(25);
  });
});

describe('a list of addresses', () => {
  it('is read as it is published: comments, plain addresses, ranges, each once', () => {
    expect(readRanges('# title\n198.51.100.0/24 ; SBL1\r\n203.0.113.7\n\n203.0.113.7/32 again\n10.1.2.3/8\n2001:DB8:BAD::/48')).toEqual({ ranges: ['198.51.100.0/24', '203.0.113.7/32', '10.0.0.0/8', '2001:db8:bad::/48'] });
  });
  it.each([['<html>', 'line 1'], ['10.0.0.1\nexample.com', 'line 2'], ['0.0.0.0/0', 'every address'], ['::/0', 'every address'], ['10.0.0.0/33', 'line 1']])('refuses %j', (text, words) => {
    expect(readRanges(text)).toEqual({ fault: expect.stringContaining(words) as string });
  });
});

it.each([
  ['Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36', undefined],
  ['Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1', undefined],
  ['Mozilla/5.0 (Linux; Android 15; CUBOT P80) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36 MicroMessenger/8.0', undefined],
  ['curl/8.5.0', 'curl/'], ['python-requests/2.32', 'python-'], ['Mozilla/5.0 (compatible; Googlebot/2.1)', 'bot'], ['Mozilla/5.0 HeadlessChrome/140.0', 'headless'], ['', 'none given'], [undefined, 'none given'],
])('the user agent %j is %s', (userAgent, program) => {
  expect(programOf(userAgent)).toBe(program);
});

it.each([[[0, 0, 255], 16], [[0, 1], 15], [[128], 0], [[0, 0, 0], 24], [[15], 4]])('%j begins with %i zero bits', (bytes, bits) => {
  expect(zeroBits(Uint8Array.from(bytes))).toBe(bits);
});
