import { wrapWords } from '../../metrics/text/text-table.ts';
import type { Paint } from '../../metrics/text/text-table.ts';
import type { ExpectationResult } from '../run/run-result.ts';

const INDENT = '  ';

/** What became of each expectation, and below it what it is evidence of. */
export function expectationLines(expectations: readonly ExpectationResult[], width: number, paint: Paint): string[] {
  return expectations.flatMap(({ text, why, passed }) => {
    const word =
      passed === null ? paint('yellow', 'not judged') : passed ? paint('green', 'met') : paint('red', 'NOT MET');
    const [first, ...rest] = wrapWords(text, width - 12);
    return [
      `${word}: ${first}`,
      ...rest.map((line) => INDENT + line),
      ...wrapWords(why, width - 2).map((line) => paint('dim', INDENT + line)),
    ];
  });
}
