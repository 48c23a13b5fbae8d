/** What the tests need of the machine: a Chromium or Chrome and a Redis server. As root on Debian it is installed. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { findChromium } from '../test/support/chromium.ts';

interface Need {
  readonly what: string;
  readonly debianPackage: string;
  readonly brewPackage: string;
  readonly otherwise: string;
  /** Its executable; undefined when there is none. */
  find(): string | undefined;
}

const needs: readonly Need[] = [
  {
    what: 'a Chromium or Chrome, for the browser tests', debianPackage: 'chromium', brewPackage: '--cask google-chrome',
    otherwise: 'or set CHROMIUM_PATH to the executable of a Chromium or Chrome', find: findChromium,
  },
  {
    what: 'a redis-server, for the tests of shared rate limits', debianPackage: 'redis-server', brewPackage: 'redis',
    otherwise: 'or put a redis-server on the PATH', find: () => findOnPath('redis-server'),
  },
];

/** Installs what is missing where it can. Returns a line for each thing that still is, with how to get it. */
export function requireMachine(): string[] {
  const missing = needs.filter((need) => !isUsable(need));
  if (missing.length > 0 && canInstall()) install(missing.map(({ debianPackage }) => debianPackage));
  return needs.filter((need) => !isUsable(need)).map(({ what, debianPackage, brewPackage, otherwise, find }) => {
    const program = find();
    return `The tests need ${what}${program === undefined ? '' : `, and ${program} does not run`}. Install it (Debian: sudo apt-get install ${debianPackage}; macOS: brew install ${brewPackage}), ${otherwise}.`;
  });
}

/** Runs it, because a file is not enough: Ubuntu's /usr/bin/chromium-browser only asks for a snap. */
function isUsable(need: Need): boolean {
  const program = need.find();
  return program !== undefined && spawnSync(program, ['--version'], { stdio: 'ignore', timeout: 60_000 }).status === 0;
}

function canInstall(): boolean {
  return process.getuid?.() === 0 && existsSync('/etc/debian_version') && findOnPath('apt-get') !== undefined;
}

function install(packages: string[]): void {
  console.log(`Installing ${packages.join(' and ')} for the tests (apt-get) …`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const apt = (...rest: string[]) => spawnSync('apt-get', ['-y', '-qq', '-o', 'DPkg::Lock::Timeout=300', ...rest], { stdio: ['ignore', 'ignore', 'inherit'], env }).status === 0;
  // The lists may be old or absent, as in a container image. Where they cannot be fetched, the old ones may do.
  apt('update');
  apt('install', '--no-install-recommends', ...packages);
}

function findOnPath(program: string): string | undefined {
  return (process.env['PATH'] ?? '').split(delimiter).filter(Boolean).map((folder) => join(folder, program)).find((file) => existsSync(file));
}
