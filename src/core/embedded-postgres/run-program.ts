import { execFile } from 'node:child_process';
import { spawnOptions, type Account } from './account.ts';

export interface Failure { readonly error: unknown; readonly stderr: string }

/** Runs a program to its end as the account; returns how it failed, if it did. Never throws. */
export function runProgram(program: string, programArguments: string[], options: { account: Account | undefined; cwd: string }): Promise<Failure | undefined> {
  return new Promise((resolve) => {
    try {
      execFile(program, programArguments, { ...spawnOptions(options.account), cwd: options.cwd }, (error, _stdout, stderr) => {
        resolve(error ? { error, stderr: stderr.trim() } : undefined);
      });
    } catch (error) {
      // Node reports some failures by throwing: EPERM and EINVAL when the account may not be switched.
      resolve({ error, stderr: '' });
    }
  });
}
