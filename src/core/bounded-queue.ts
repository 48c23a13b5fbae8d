/**
 * Runs at most `inFlight` tasks at once and lets at most `waiting` more wait, first come, first served.
 * Beyond that `run` calls `whenFull` for the error to throw, before the task has begun.
 */
export interface BoundedQueue {
  run<Result>(task: () => Promise<Result>): Promise<Result>;
  readonly inFlight: number;
  readonly waiting: number;
}

export function createBoundedQueue(limits: { inFlight: number; waiting: number; whenFull: () => Error }): BoundedQueue {
  const queue: (() => void)[] = [];
  let inFlight = 0;

  /** A slot is handed from a finished task to the next one, so that a newcomer cannot overtake. */
  async function takeSlot(): Promise<void> {
    if (inFlight < limits.inFlight) {
      inFlight += 1;
      return;
    }
    if (queue.length >= limits.waiting) throw limits.whenFull();
    await new Promise<void>((resolve) => { queue.push(resolve); });
  }

  function releaseSlot(): void {
    const next = queue.shift();
    if (next === undefined) inFlight -= 1;
    else next();
  }

  return {
    async run(task) {
      await takeSlot();
      try {
        return await task();
      } finally {
        releaseSlot();
      }
    },
    get inFlight() { return inFlight; },
    get waiting() { return queue.length; },
  };
}
