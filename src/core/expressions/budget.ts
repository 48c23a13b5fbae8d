/** What one evaluation may cost. Everything that grows with its input pays before it is done. */

const mostSteps = 100_000;
const mostMilliseconds = 25;
/** Of a string that an expression builds. */
const longestString = 65_536;
const longestList = 10_000;
/** Characters that are copied or compared at the price of one step. */
const charactersAStep = 32;

/** Not an error of the expression's own: nothing in it may catch this. */
export class BudgetExhausted extends Error {}

export class Budget {
  #steps = mostSteps;
  #unchecked = 0;
  readonly #deadline = performance.now() + mostMilliseconds;

  spend(steps: number): void {
    this.#steps -= steps;
    if (this.#steps < 0) throw new BudgetExhausted(`It takes more than ${mostSteps.toLocaleString('en')} steps.`);
    this.#unchecked += steps;
    if (this.#unchecked < 500) return;
    this.#unchecked = 0;
    if (performance.now() > this.#deadline) throw new BudgetExhausted(`It takes longer than ${mostMilliseconds} ms.`);
  }

  /** Pays for reading so many characters. */
  spendCharacters(count: number): void {
    this.spend(1 + count / charactersAStep);
  }

  /** Pays for a string of so many characters. */
  spendString(length: number): void {
    if (length > longestString) throw new BudgetExhausted(`A text gets longer than ${longestString.toLocaleString('en')} characters.`);
    this.spendCharacters(length);
  }

  /** Pays for a list or map of so many members. */
  spendList(length: number): void {
    if (length > longestList) throw new BudgetExhausted(`A list gets longer than ${longestList.toLocaleString('en')}.`);
    this.spend(1 + length / 8);
  }
}
