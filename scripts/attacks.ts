/** `npm run attacks [-- id]`: runs every attack test and prints each row with its result. */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type AttackRow, rowOf, rows } from '../test/attacks/rows.ts';
import { attackTestFiles } from '../test/attacks/test-files.ts';

interface Report { testResults: { message?: string; status: string; name: string; assertionResults: { fullName: string; status: string; failureMessages: string[] }[] }[] }
interface Result { passed: number; failed: string[] }

const [only] = process.argv.slice(2);
const chosen = rows.filter(({ id }) => only === undefined || id.startsWith(only));
const files = (await attackTestFiles()).filter(({ ids }) => ids.some((id) => chosen.some((row) => row.id === id))).map(({ file }) => file);
const directory = await mkdtemp(path.join(tmpdir(), 'postern-attacks-'));
const reportFile = path.join(directory, 'report.json');
const root = path.resolve(import.meta.dirname, '..');
const pattern = only === undefined ? 'attack: ' : `attack: ${only.replaceAll('.', '\\.')}`;

await new Promise<void>((resolve, reject) => {
  const child = spawn(process.execPath, [path.join(root, 'node_modules/vitest/vitest.mjs'), 'run', '--reporter=json', `--outputFile=${reportFile}`, '-t', pattern, ...files], { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
  child.on('error', reject);
  child.on('exit', () => { resolve(); });
});

const report = JSON.parse(await readFile(reportFile, 'utf8')) as Report;
await rm(directory, { recursive: true, force: true });

const results = new Map<string, Result>();
const strays: string[] = [];
for (const file of report.testResults) {
  for (const { fullName, status, failureMessages } of file.assertionResults) {
    const id = rowOf(fullName);
    if (id === undefined || status === 'pending' || status === 'skipped') continue;
    if (!rows.some((row) => row.id === id)) strays.push(fullName);
    const result = results.get(id) ?? { passed: 0, failed: [] };
    if (status === 'passed') result.passed += 1;
    else result.failed.push(`${fullName}: ${failureMessages[0]?.split('\n')[0] ?? status}`);
    results.set(id, result);
  }
  // A file that could not be loaded has no results; its tests count as failed.
  if (file.status !== 'passed' && file.assertionResults.length === 0) strays.push(`${path.relative(root, file.name)}: ${file.message?.split('\n')[0] ?? 'did not run'}`);
}

let refused = 0;
for (const row of chosen) if (print(row, results.get(row.id))) refused += 1;
for (const stray of strays) console.log(`\n✗ names no row, or did not run: ${stray}`);
console.log(`\n${refused} of ${chosen.length} attacks are refused, by ${[...results.values()].reduce((sum, { passed }) => sum + passed, 0)} tests.`);
process.exitCode = refused === chosen.length && strays.length === 0 ? 0 : 1;

function print(row: AttackRow, result: Result | undefined): boolean {
  const passed = result !== undefined && result.failed.length === 0 && result.passed > 0;
  const count = result === undefined ? 'no test ran' : `${result.passed} passed${result.failed.length > 0 ? `, ${result.failed.length} failed` : ''}`;
  console.log(`${passed ? '✓' : '✗'} ${row.id.padEnd(26)} ${count.padEnd(22)} ${row.tried}\n  ${''.padEnd(26)} ${row.where}\n  ${''.padEnd(26)} → ${row.refusal}`);
  for (const failure of result?.failed ?? []) console.log(`      ${failure}`);
  return passed;
}
