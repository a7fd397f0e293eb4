/** One place and the ids that lie there. */
export interface Holding {
  readonly where: string;
  readonly ids: readonly number[];
}

/** Ids of each kind of fault that a message names. */
const NAMED_MAX = 5;

/**
 * Looks for each of `ids` in the holdings. Ids that are nowhere, in more than one place (or twice in one), or in a
 * place without being among `ids` give a sentence for each of the three.
 */
export function findEachOnce(
  what: string,
  ids: readonly number[],
  holdings: readonly Holding[],
): { foundOnce: number; faults: string[] } {
  const found = new Map(ids.map((id) => [id, 0]));
  const strangers = new Set<number>();
  for (const holding of holdings) {
    for (const id of holding.ids) {
      const times = found.get(id);
      if (times === undefined) strangers.add(id);
      else found.set(id, times + 1);
    }
  }
  const missing = ids.filter((id) => found.get(id) === 0);
  const repeated = ids.filter((id) => (found.get(id) ?? 0) > 1);
  const wherever = (id: number): string => {
    const places = holdings.flatMap(({ where, ids: held }) => held.filter((each) => each === id).map(() => where));
    return `${id} (${places.join(', ')})`;
  };
  const faults: string[] = [];
  if (missing.length > 0) faults.push(sentence(what, missing.length, 'lost', missing.map(String)));
  if (repeated.length > 0) {
    faults.push(sentence(what, repeated.length, 'found more than once', repeated.slice(0, NAMED_MAX).map(wherever)));
  }
  if (strangers.size > 0) {
    const some = [...strangers].slice(0, NAMED_MAX).map(wherever);
    faults.push(sentence(what, strangers.size, 'found that does not exist', some));
  }
  return { foundOnce: ids.length - missing.length - repeated.length, faults };
}

function sentence(what: string, count: number, fault: string, names: readonly string[]): string {
  const listed = names.slice(0, NAMED_MAX).join(', ');
  return `${what} ${fault}: ${count} in all, ${count > NAMED_MAX ? 'the first ' : ''}${listed}`;
}
