/**
 * Places of addresses, from a file in MMDB format that the operator supplies (GEOIP_FILE). Without one, or while it cannot
 * be read, places are unknown. A file that is put in its place is read within a minute.
 */
import { readFile, stat } from 'node:fs/promises';
import { Reader, type CityResponse } from 'mmdb-lib';
import { type Core, perCore } from '../../core/core.ts';
import { readAddress } from '../../tenancy/index.ts';

export interface Place {
  /** ISO 3166-1 alpha-2. */
  readonly country: string;
  readonly city: string | undefined;
  readonly position: { readonly latitude: number; readonly longitude: number } | undefined;
}

export interface Places {
  /** Undefined: unknown. Never throws: a broken file is no reason to turn people away. */
  placeOf(address: string | undefined): Promise<Place | undefined>;
}

/** How long the state of the file is taken for true. */
const checkMilliseconds = 30_000;

export const placesOf: (core: Core) => Places = perCore((core) => openPlaces(core.config.geoipFile, core));

/** `checkEvery` in milliseconds. */
export function openPlaces(file: string | undefined, { log, now }: Pick<Core, 'log' | 'now'>, checkEvery = checkMilliseconds): Places {
  let reader: Reader<CityResponse> | undefined;
  let known = '';                                     // size and time of the file that `reader` is from
  let checkedAt = Number.NEGATIVE_INFINITY;
  let loading: Promise<void> | undefined;

  async function refresh(path: string): Promise<void> {
    try {
      const { size, mtimeMs } = await stat(path);
      if (known === `${size} ${mtimeMs}`) return;
      known = `${size} ${mtimeMs}`;
      reader = new Reader<CityResponse>(await readFile(path));
      log.info({ file: path, built: reader.metadata.buildEpoch }, 'Read the database of places');
    } catch (error) {
      log.warn({ err: error, file: path }, 'GEOIP_FILE cannot be read; places are unknown until it can');
      // What was read before may still be right; a file that is gone was taken away on purpose.
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') [reader, known] = [undefined, ''];
    }
  }

  return {
    async placeOf(address) {
      const read = address === undefined ? undefined : readAddress(address);
      if (file === undefined || read === undefined) return undefined;
      if (now().getTime() - checkedAt >= checkEvery) {
        checkedAt = now().getTime();
        loading = refresh(file);
      }
      await loading;
      try {
        return readPlace(reader?.get(read.text) ?? undefined);
      } catch (error) {
        log.warn({ err: error }, 'The database of places could not answer');
        return undefined;
      }
    },
  };
}

function readPlace(found: CityResponse | undefined): Place | undefined {
  const country = found?.country?.iso_code ?? found?.registered_country?.iso_code;
  if (typeof country !== 'string') return undefined;
  const { latitude, longitude } = found?.location ?? {};
  const isPosition = typeof latitude === 'number' && typeof longitude === 'number' && Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180;
  return { country, city: found?.city?.names?.en, position: isPosition ? { latitude, longitude } : undefined };
}

/** Kilometres along the great circle (haversine). */
export function distanceBetween(from: { latitude: number; longitude: number }, to: { latitude: number; longitude: number }): number {
  const radians = (degrees: number) => (degrees * Math.PI) / 180;
  const half = (difference: number) => Math.sin(radians(difference) / 2) ** 2;
  const part = half(to.latitude - from.latitude) + Math.cos(radians(from.latitude)) * Math.cos(radians(to.latitude)) * half(to.longitude - from.longitude);
  return 12_742 * Math.asin(Math.min(1, Math.sqrt(part)));
}
