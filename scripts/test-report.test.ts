import { describe, expect, it } from 'vitest';
import { outcomeOf, type Report, slowFiles, summary } from './test-report.ts';

const report: Report = {
  numPassedTests: 7, numFailedTests: 2, numPendingTests: 1, numTodoTests: 1,
  testResults: [
    { name: '/clone of mine/src/quick.test.ts', status: 'passed', startTime: 1000, endTime: 1500, assertionResults: [{}] },
    { name: '/clone of mine/src/slow.test.ts', status: 'failed', startTime: 1000, endTime: 31_500, assertionResults: [{}] },
    { name: '/clone of mine/test/slower.test.ts', status: 'passed', startTime: 1000, endTime: 61_000, assertionResults: [{}] },
  ],
};
const clean: Report = { ...report, numFailedTests: 0, numPendingTests: 0, numTodoTests: 0 };

describe('the last line of npm test', () => {
  it('has the numbers of vitest', () => {
    expect(summary(outcomeOf(report, false))).toBe('7 passed, 2 failed, 2 skipped');
    expect(summary(outcomeOf(clean, true))).toBe('7 passed, 0 failed');
  });

  it('counts a file that could not be loaded as a failure', () => {
    const unloaded = { name: '/clone of mine/src/broken.test.ts', status: 'failed', startTime: 0, endTime: 0, assertionResults: [] };
    expect(outcomeOf({ ...clean, testResults: [unloaded] }, false).failed).toBe(1);
  });

  it('never says that nothing failed when the run did', () => {
    expect(outcomeOf(clean, false).failed).toBe(1);
  });
});

it('names the files that took long, the slowest first', () => {
  expect(slowFiles(report, '/clone of mine')).toEqual(['   60.0 s  test/slower.test.ts', '   30.5 s  src/slow.test.ts']);
});
