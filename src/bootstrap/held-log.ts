import { pino, type DestinationStream } from 'pino';

/** A log that keeps its lines back until what people should read first has been printed. */
export interface HeldLog extends DestinationStream {
  /** From now on lines go to standard output; those held so far come first. */
  release(): void;
}

export function createHeldLog(): HeldLog {
  const output = pino.destination({ fd: 1, sync: true });
  let held: string[] | undefined = [];
  return {
    write(line: string): void {
      if (held) held.push(line);
      else output.write(line);
    },
    release(): void {
      for (const line of held ?? []) output.write(line);
      held = undefined;
    },
  };
}
