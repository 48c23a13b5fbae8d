/** What `npm test` reads from vitest's JSON report. */
import path from 'node:path';

export interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly testResults: readonly ReportedFile[];
}

interface ReportedFile {
  readonly name: string;
  readonly status: string;
  /** Milliseconds since 1970. */
  readonly startTime: number;
  readonly endTime: number;
  readonly assertionResults: readonly unknown[];
}

export interface Outcome { readonly passed: number; readonly failed: number; readonly skipped: number }

/**
 * Vitest's own numbers, and one failure more for each file that could not even be loaded. A run that failed without a
 * failed test (an error outside of any) counts as one failure, so that the numbers never look better than the exit code.
 */
export function outcomeOf(report: Report, succeeded: boolean): Outcome {
  const unloaded = report.testResults.filter((file) => file.status === 'failed' && file.assertionResults.length === 0).length;
  const failed = report.numFailedTests + unloaded;
  return {
    passed: report.numPassedTests,
    failed: succeeded ? failed : Math.max(1, failed),
    skipped: report.numPendingTests + report.numTodoTests,
  };
}

/** The last line of a run. */
export function summary({ passed, failed, skipped }: Outcome): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}

/** A line for each file that took more than 20 seconds, the slowest first. */
export function slowFiles(report: Report, root: string): string[] {
  return report.testResults
    .map(({ name, startTime, endTime }) => ({ name: path.relative(root, name), seconds: (endTime - startTime) / 1000 }))
    .filter(({ seconds }) => seconds > 20)
    .toSorted((one, other) => other.seconds - one.seconds)
    .map(({ name, seconds }) => `${seconds.toFixed(1).padStart(7)} s  ${name}`);
}
