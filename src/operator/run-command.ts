import { parseArgs, type ParseArgsOptionsConfig } from 'node:util';
import { OperatorError } from '../bootstrap/index.ts';
import type { Config } from '../config.ts';
import { apiClient } from './api-client.ts';
import { backup } from './backup.ts';
import { openAccess } from './open-access.ts';
import { restore } from './restore.ts';
import { rotateMasterKey } from './rotate-master-key.ts';
import { setupLink } from './setup-link.ts';
import { verifyEvents } from './verify-events.ts';

export interface Surroundings {
  readonly config: Config;
  print(line: string): void;
  printError(line: string): void;
}

/** What was given behind the name of the command. */
export interface Given {
  readonly options: Readonly<Record<string, string | undefined>>;
  readonly operands: readonly string[];
}

export interface Command {
  /** As it is typed, behind `npm run postern -- `. */
  readonly usage: string;
  readonly summary: string;
  readonly options?: readonly string[];
  readonly operands?: number;
  /** @returns the exit code */
  run(surroundings: Surroundings, given: Given): Promise<number>;
}

const commands: Readonly<Record<string, Command>> = {
  'setup-link': setupLink,
  'open-access': openAccess,
  'api-client': apiClient,
  'verify-events': verifyEvents,
  'rotate-master-key': rotateMasterKey,
  'backup': backup,
  'restore': restore,
};

/** Runs the command that the arguments name. @throws OperatorError when they name none, or not as it is used */
export async function runCommand(commandLine: readonly string[], surroundings: Surroundings): Promise<number> {
  const [name = 'help', ...rest] = commandLine;
  if (['help', '--help', '-h'].includes(name)) {
    surroundings.print(help());
    return 0;
  }
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (!command) throw new OperatorError(`There is no command "${name}".\n\n${help()}`);
  return command.run(surroundings, parse(command, rest));
}

function parse(command: Command, rest: readonly string[]): Given {
  const options: ParseArgsOptionsConfig = Object.fromEntries((command.options ?? []).map((option) => [option, { type: 'string' }]));
  try {
    const { values, positionals } = parseArgs({ args: [...rest], options, allowPositionals: true });
    if (positionals.length !== (command.operands ?? 0)) throw new Error(positionals.length > (command.operands ?? 0) ? `"${positionals.at(-1)}" is too much` : 'something is missing');
    return { options: values as Record<string, string | undefined>, operands: positionals };
  } catch (error) {
    throw new OperatorError(`${error instanceof Error ? error.message : String(error)}. Use it like this: npm run postern -- ${command.usage}`);
  }
}

function help(): string {
  return [
    'npm run postern -- <command>     with the settings of the server (.env or environment)',
    '',
    ...Object.values(commands).flatMap(({ usage, summary }) => [`  ${usage}`, `      ${summary}`, '']),
    'All of them work while the server runs and while it is stopped, except where they say otherwise.',
  ].join('\n');
}
