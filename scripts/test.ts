/**
 * `npm test`: types, lint, architecture rules, then every test; stops at the first that fails. What the tests need of the
 * machine is looked for first, installed where that is possible, and asked for where it is not: nothing is left out in
 * silence. The last line counts the tests: `N passed, N failed`.
 *
 * `npm test -- <vitest arguments>` runs those tests only, without the checks before them.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { settingNames } from '../src/config.ts';
import { requireMachine } from './test-machine.ts';
import { type Outcome, outcomeOf, type Report, slowFiles, summary } from './test-report.ts';

const root = path.resolve(import.meta.dirname, '..');
const chosen = process.argv.slice(2);
const startedAt = performance.now();
// Tests bring their own settings: those of a server on this machine must not reach them.
const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => !settingNames.includes(name)));

let running: ChildProcess | undefined;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => { running?.kill(signal); });

const missing = requireMachine();
for (const line of missing) console.error(line);
if (missing.length > 0) finish({ passed: 0, failed: missing.length, skipped: 0 });

const checks = [
  { name: 'Types', program: 'typescript/bin/tsc', rest: ['--noEmit'] },
  { name: 'Lint', program: 'eslint/bin/eslint.js', rest: ['.', '--max-warnings', '0'] },
  { name: 'Architecture', program: 'dependency-cruiser/bin/dependency-cruiser.mjs', rest: ['--config', '.dependency-cruiser.cjs', 'src'] },
];
for (const { name, program, rest } of chosen.length > 0 ? [] : checks) {
  if (await phase(name, program, rest)) continue;
  console.error(`${name} failed, so no test was run.`);
  finish({ passed: 0, failed: 1, skipped: 0 });
}
finish(await runTests());

async function runTests(): Promise<Outcome> {
  const folder = mkdtempSync(path.join(tmpdir(), 'postern-test-report-'));
  const file = path.join(folder, 'report.json');
  const succeeded = await phase('Tests', 'vitest/vitest.mjs', ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${file}`, ...chosen]);
  try {
    const report = JSON.parse(readFileSync(file, 'utf8')) as Report;
    for (const line of slowFiles(report, root)) console.log(line);
    return outcomeOf(report, succeeded);
  } catch (error) {
    console.error(`vitest left no report: ${String(error)}`);
    return { passed: 0, failed: 1, skipped: 0 };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Runs one program under a heading and says how long it took. Returns whether it succeeded. */
async function phase(name: string, program: string, rest: readonly string[]): Promise<boolean> {
  console.log(`\n── ${name} ${'─'.repeat(60 - name.length)}`);
  const before = performance.now();
  const succeeded = await new Promise<boolean>((resolve) => {
    running = spawn(process.execPath, [path.join(root, 'node_modules', program), ...rest], { cwd: root, env: environment, stdio: ['ignore', 'inherit', 'inherit'] });
    running.once('error', (error) => { console.error(String(error)); resolve(false); });
    running.once('close', (code) => { resolve(code === 0); });
  });
  console.log(`${succeeded ? '✓' : '✗'} ${name}: ${seconds(before)} s`);
  return succeeded;
}

function finish(outcome: Outcome): never {
  console.log(`\nAll together: ${seconds(startedAt)} s\n${summary(outcome)}`);
  process.exit(outcome.failed === 0 && outcome.passed > 0 ? 0 : 1);
}

function seconds(since: number): string {
  return ((performance.now() - since) / 1000).toFixed(1);
}
