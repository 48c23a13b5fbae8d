import { pino } from 'pino';
import type { DestinationStream, Logger } from 'pino';
import { censor, redactPaths, redactRecord, scrubLine, serializers } from './redaction.ts';

/**
 * The log: one line of JSON for each record, escaped and without secrets (`redaction.ts`), to
 * standard output unless a stream is given. Child loggers inherit all of it.
 */
export function createLogger(config: { level: string }, stream?: DestinationStream): Logger {
  const options = {
    level: config.level,
    base: null,                                       // process id and host name come from whoever collects
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }), log: redactRecord },
    serializers,
    redact: { paths: redactPaths, censor },
    hooks: { streamWrite: (line: string) => `${scrubLine(line.trimEnd())}\n` },
  };
  return stream === undefined ? pino(options) : pino(options, stream);
}
