/** Nothing but argon2id, in the queue that the server has: what password sign-ins are measured by. */
import { createPasswordHasher } from '../../src/core/password-hashing.ts';
import { userPassword } from '../fixtures.ts';
import { answerParent } from './parent.ts';

export interface Hashed { readonly perSecond: number; readonly cpuMicroseconds: number }

const hasher = createPasswordHasher();
const hash = await hasher.hash(userPassword);

async function run(seconds: number): Promise<Hashed> {
  const [started, before] = [performance.now(), process.cpuUsage()];
  const deadline = started + seconds * 1_000;
  let done = 0;
  // Enough to have the queue never empty, and never full.
  await Promise.all(Array.from({ length: 12 }, async () => {
    while (performance.now() < deadline) {
      if (!await hasher.verify(hash, userPassword)) throw new Error('the right password was refused');
      done += 1;
    }
  }));
  const { user, system } = process.cpuUsage(before);
  return { perSecond: done / ((performance.now() - started) / 1_000), cpuMicroseconds: (user + system) / done };
}

answerParent({ hash: (seconds) => run(Number(seconds)) });
