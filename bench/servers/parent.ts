/** The side of a child process: answers the questions of bench/children.ts by name. */

export type Handlers = Record<string, (argument: unknown) => unknown>;

interface Question { readonly id: number; readonly name: string; readonly argument: unknown }

/** Answers until the parent is gone; `stop` then lets the process end. */
export function answerParent(handlers: Handlers, stop: () => Promise<void> = async () => undefined): void {
  const send = (message: object) => { if (process.connected) process.send?.(message); };
  process.on('message', (question: Question) => {
    const { id, name, argument } = question;
    const handler = name === 'stop' ? stop : handlers[name];
    Promise.resolve().then(() => {
      if (!handler) throw new Error(`no answer to ${name}`);
      return handler(argument);
    }).then(
      (answer) => send({ id, answer }),
      (error: unknown) => send({ id, error: error instanceof Error ? error.stack ?? error.message : String(error) }),
    ).finally(() => { if (name === 'stop') process.disconnect?.(); });
  });
  process.once('disconnect', () => void stop().finally(() => process.exit()));
  send({ id: 0 });
}

/** What the process has used so far. */
export interface Usage {
  /** User and system time of all threads, in microseconds. */
  readonly cpuMicroseconds: number;
  readonly residentBytes: number;
  /** Statements sent to the database, by the pool that serves requests. */
  readonly statements: number;
}

export function measureUsage(statements: number): Usage {
  const { user, system } = process.cpuUsage();
  return { cpuMicroseconds: user + system, residentBytes: process.memoryUsage.rss(), statements };
}
