import { describe, expect, it } from 'vitest';
import { rows } from './rows.ts';
import { attackTestFiles } from './test-files.ts';

describe('the list of attacks', () => {
  it('has each row once', () => {
    const ids = rows.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('has a test for each row, and a row for each test', async () => {
    const tested = new Set((await attackTestFiles()).flatMap(({ ids }) => ids));
    expect([...tested].toSorted()).toEqual(rows.map(({ id }) => id).toSorted());
  });
});
