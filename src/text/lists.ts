/** Words in a row, as sentences have them: `a`, `a and b`, `a, b and c`. */
export function wordsInARow(words: readonly string[], last: 'and' | 'or'): string {
  return [words.slice(0, -1).join(', '), ...words.slice(-1)].filter((part) => part !== '').join(` ${last} `);
}

/** The first that stands there twice; undefined where each stands once. */
export function firstRepeated(names: readonly string[]): string | undefined {
  return names.find((name, i) => names.indexOf(name) !== i);
}
