/** Words in a row, as sentences have them: `a`, `a and b`, `a, b and c`. */
export function wordsInARow(words: readonly string[], last: 'and' | 'or'): string {
  return [words.slice(0, -1).join(', '), ...words.slice(-1)].filter((part) => part !== '').join(` ${last} `);
}
