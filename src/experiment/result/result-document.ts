/** Every document that a command leaves behind: scenarios/result.schema.json is generated from this type. */
import type { CompareResult } from '../compare/compare-result.ts';
import type { RunResult } from '../run/run-result.ts';
import type { SearchResult } from '../search/search-result.ts';
import type { SuiteResult } from '../suite/suite-result.ts';
import type { SweepResult } from '../sweep/sweep-result.ts';

export type ResultDocument = RunResult | SweepResult | SearchResult | SuiteResult | CompareResult;

/** A document as it is written to a file. */
export function documentText(result: ResultDocument): string {
  return `${JSON.stringify(result, null, 2)}\n`;
}
