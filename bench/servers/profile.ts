/** CPU profiles of measured rounds, without start and seeding; they open in Chrome's developer tools. */
import { writeFile } from 'node:fs/promises';
import { Session } from 'node:inspector/promises';
import type { Handlers } from './parent.ts';

const session = new Session();

export const profiling: Handlers = {
  async startProfile() {
    session.connect();
    await session.post('Profiler.enable');
    await session.post('Profiler.start');
  },
  async writeProfile(file) {
    const { profile } = await session.post('Profiler.stop');
    session.disconnect();
    await writeFile(String(file), JSON.stringify(profile));
  },
};
