import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';

/** Asks until the answer is as expected. One that is asked for more than a second after the change must be; a slow machine does not count. */
export async function withinASecond<Answer>(ask: () => Promise<Answer>, isExpected: (answer: Answer) => boolean): Promise<void> {
  const deadline = performance.now() + 1_000;
  for (;;) {
    const asked = performance.now();
    const answer = await ask();
    if (isExpected(answer)) return;
    if (asked > deadline) expect.fail(`a second after the change the answer is still ${JSON.stringify(answer)}`);
    await sleep(20);
  }
}
