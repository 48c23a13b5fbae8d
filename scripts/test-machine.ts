/** What the tests need of the machine: a Chromium or Chrome and a Redis server. As root on Debian it is installed. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { findChromium } from '../test/support/chromium.ts';

interface Need {
  readonly what: string;
  readonly debianPackage: string;
  readonly elsewhere: string;
  isThere(): boolean;
}

const needs: readonly Need[] = [
  {
    what: 'Chromium or Chrome, for the browser tests', debianPackage: 'chromium',
    elsewhere: 'or set CHROMIUM_PATH to the executable of a Chromium or Chrome', isThere: () => findChromium() !== undefined,
  },
  {
    what: 'redis-server, for the tests of shared rate limits', debianPackage: 'redis-server',
    elsewhere: 'or put a redis-server on the PATH', isThere: () => isOnPath('redis-server'),
  },
];

/** Installs what is missing where it can. Returns a line for each thing that still is, with how to get it. */
export function requireMachine(): string[] {
  const missing = needs.filter((need) => !need.isThere());
  if (missing.length > 0 && canInstall()) install(missing.map(({ debianPackage }) => debianPackage));
  return needs.filter((need) => !need.isThere()).map(({ what, debianPackage, elsewhere }) =>
    `The tests need ${what}. Install it (Debian, Ubuntu: sudo apt-get install ${debianPackage}; macOS: brew install ${debianPackage === 'chromium' ? '--cask chromium' : 'redis'}), ${elsewhere}.`);
}

function canInstall(): boolean {
  return process.getuid?.() === 0 && existsSync('/etc/debian_version') && isOnPath('apt-get');
}

function install(packages: string[]): void {
  console.log(`Installing ${packages.join(' and ')} for the tests (apt-get) …`);
  const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const apt = (...rest: string[]) => spawnSync('apt-get', ['-y', '-q', ...rest], { stdio: ['ignore', 'ignore', 'inherit'], env: environment }).status === 0;
  const wanted = ['install', '--no-install-recommends', ...packages];
  // The lists may be old or absent, as in a container image: then once more with fresh ones.
  if (!apt(...wanted) && apt('update')) apt(...wanted);
}

function isOnPath(program: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => folder !== '' && existsSync(join(folder, program)));
}
