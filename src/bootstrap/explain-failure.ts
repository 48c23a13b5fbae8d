import { ConfigurationError } from '../config.ts';
import { EmbeddedPostgresUnavailable } from '../core/embedded-postgres.ts';
import { MasterKeyMismatch } from '../core/master-key-check.ts';
import { DatabaseIsNewer, MigrationFailed } from '../core/migrations.ts';
import { Problem } from '../core/errors.ts';
import { DatabaseUnusable } from './connect-database.ts';

/** Something that the operator can put right; the message says what and how. */
export class OperatorError extends Error {}

const forTheOperator = [OperatorError, DatabaseUnusable, EmbeddedPostgresUnavailable, MasterKeyMismatch, DatabaseIsNewer, MigrationFailed, Problem];

/** Why something could not be done, in words for the operator: one line, or one for each setting. */
export function explainFailure(error: unknown): string {
  if (error instanceof ConfigurationError) {
    return ['These settings cannot be used:', ...error.lines.map((line) => `  - ${line}`), 'All settings are described in .env.example.'].join('\n');
  }
  if (forTheOperator.some((kind) => error instanceof kind)) return (error as Error).message;
  return explainSystemError(error) ?? `${error instanceof Error ? error.message : String(error)}\nThat was not foreseen. LOG_LEVEL=debug shows where it happened.`;
}

function explainSystemError(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  const { code, path, address, port } = error as NodeJS.ErrnoException & { address?: string; port?: number };
  const where = `${address ?? 'this address'}:${port ?? ''}`;
  switch (code) {
    case 'EADDRINUSE': return `Port ${port} on ${address} is already taken. Stop the program that has it (perhaps another Postern), or set PORT to another one.`;
    case 'EADDRNOTAVAIL': case 'ENOTFOUND': case 'EAI_AGAIN': return `HOST names no address of this machine (${where}). Set it to 127.0.0.1, 0.0.0.0 or an address that it has.`;
    case 'EACCES': case 'EPERM': case 'EROFS': return path === undefined
      ? `Listening on ${where} is not allowed for this user. Set PORT to one above 1023.`
      : `${path} cannot be written by this user (${code}). Give it to the user who starts the server, or set DATA_DIR to another folder.`;
    case 'ENOSPC': return `The disk is full${path === undefined ? '' : ` (${path})`}. Make room and start again.`;
    default: return undefined;
  }
}
