/**
 * `npm test`: types, lint, architecture rules, then every test. What the tests need of the machine is looked for first,
 * installed where that is possible, and asked for where it is not: nothing is ever left out in silence.
 *
 * `npm test -- <vitest arguments>` runs those tests only, without the checks before them.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { requireMachine } from './test-machine.ts';

const root = path.resolve(import.meta.dirname, '..');
const chosen = process.argv.slice(2);

interface Outcome { readonly passed: number; readonly failed: number }

const missing = requireMachine();
for (const line of missing) console.error(line);
if (missing.length > 0) finish({ passed: 0, failed: missing.length });

const checks = chosen.length > 0 ? [] : [
  ['types', 'typescript/bin/tsc', '--noEmit'],
  ['lint', 'eslint/bin/eslint.js', '.', '--max-warnings', '0'],
  ['architecture', 'dependency-cruiser/bin/dependency-cruise.mjs', '--config', '.dependency-cruiser.cjs', 'src'],
];
const checked = checks.map(([name = '', program = '', ...rest]): Outcome => {
  const { status } = run(program, rest);
  console.log(`${status === 0 ? '✓' : '✗'} ${name}`);
  return status === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
});
finish(sum([...checked, runTests()]));

/** The counts are vitest's own; what it could not even load counts as failed. */
function runTests(): Outcome {
  const folder = mkdtempSync(path.join(tmpdir(), 'postern-test-report-'));
  const report = path.join(folder, 'report.json');
  const { status } = run('vitest/vitest.mjs', ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`, ...chosen]);
  try {
    const { numPassedTests: passed, numFailedTests, numPendingTests, numTodoTests, testResults } = JSON.parse(readFileSync(report, 'utf8')) as Report;
    const unloaded = testResults.filter((file) => file.status === 'failed' && file.assertionResults.length === 0).length;
    // A test that is skipped tests nothing; chosen tests leave out the others on purpose.
    const leftOut = chosen.length > 0 ? 0 : numPendingTests + numTodoTests;
    if (leftOut > 0) console.error(`${leftOut} tests were skipped.`);
    const failed = numFailedTests + unloaded + leftOut;
    return { passed, failed: status === 0 ? failed : Math.max(1, failed) };
  } catch {
    return { passed: 0, failed: 1 };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Report {
  numPassedTests: number; numFailedTests: number; numPendingTests: number; numTodoTests: number;
  testResults: { status: string; assertionResults: unknown[] }[];
}

function run(program: string, rest: readonly string[]) {
  return spawnSync(process.execPath, [path.join(root, 'node_modules', program), ...rest], { cwd: root, stdio: 'inherit' });
}

function sum(outcomes: readonly Outcome[]): Outcome {
  return outcomes.reduce((total, { passed, failed }) => ({ passed: total.passed + passed, failed: total.failed + failed }), { passed: 0, failed: 0 });
}

function finish({ passed, failed }: Outcome): never {
  console.log(`\n${passed} passed, ${failed} failed`);
  process.exit(failed === 0 && passed > 0 ? 0 : 1);
}
