/** What a search will ask next, so that a bed with several hands can begin it. */

/**
 * Runs a search once more on the answers it has had, and on guesses from there.
 * @param search asks through its argument, gets null when it is to end, and does nothing else; the same answers lead to
 *   the same questions
 * @param known the answers so far, in order
 * @param most questions wanted
 * @returns the questions that follow, the one that is certain first
 */
export async function lookAhead<Q, A>(
  search: (ask: (question: Q) => Promise<A | null>) => Promise<unknown>,
  known: readonly A[],
  guess: (question: Q) => A,
  most: number,
): Promise<Q[]> {
  let asked = 0;
  const ahead: Q[] = [];
  await search((question) => {
    if (asked < known.length) return Promise.resolve(known[asked++]);
    if (ahead.length >= most) return Promise.resolve(null);
    ahead.push(question);
    return Promise.resolve(guess(question));
  });
  return ahead;
}

/** The nearest of some amounts above 0, by their ratio. @param items at least one. */
export function nearestTo<T>(amount: number, items: readonly T[], amountOf: (item: T) => number): T {
  const distance = (item: T): number => Math.abs(Math.log(amountOf(item) / amount));
  return items.reduce((best, item) => (distance(item) < distance(best) ? item : best));
}
