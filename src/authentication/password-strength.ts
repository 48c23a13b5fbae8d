/** How easily a password is guessed (zxcvbn). The word lists take 20 MB once loaded, so they are loaded at first use. */
import type { ZxcvbnFactory } from '@zxcvbn-ts/core';

let loading: Promise<ZxcvbnFactory> | undefined;   // the same word lists for every server of the process: no state

/** Longer texts are not looked at whole: the estimate is quadratic, and their length alone makes them strong. */
const longestEstimated = 64;

/** Score 0 to 4. `own` are words that belong to the account and make a password weaker. */
export async function estimateStrength(password: string, own: readonly string[]): Promise<number> {
  loading ??= loadEstimator();
  const estimator = await loading;
  return estimator.check(password.slice(0, longestEstimated), [...own]).score;
}

async function loadEstimator(): Promise<ZxcvbnFactory> {
  const [core, common] = await Promise.all([import('@zxcvbn-ts/core'), import('@zxcvbn-ts/language-common')]);
  return new core.ZxcvbnFactory({
    dictionary: common.dictionary, graphs: common.adjacencyGraphs, maxLength: longestEstimated });
}
