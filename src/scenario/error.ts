/** What a problem is about: a place in the file, an override as the command line gave it (`--set traffic.rate`), or the file. */
export type FaultPlace =
  | { readonly kind: 'file'; readonly line: number; readonly column: number }
  | { readonly kind: 'override'; readonly told: string }
  | { readonly kind: 'whole' };

/** One fault: what was found and what is allowed, as a sentence without its place. */
export interface ScenarioProblem {
  readonly file: string;
  readonly place: FaultPlace;
  readonly sentence: string;
}

/** A scenario that cannot be run, with everything found wrong with it. The message has one line for each problem. */
export class ScenarioError extends Error {
  readonly problems: readonly ScenarioProblem[];
  constructor(problems: readonly ScenarioProblem[]) {
    const sorted = [...problems].sort((a, b) => comparePlaces(a.place, b.place));
    // One flag may put the same value into several places.
    super([...new Set(sorted.map(formatProblem))].join('\n'));
    this.name = 'ScenarioError';
    this.problems = sorted;
  }
}

function formatProblem({ file, place, sentence }: ScenarioProblem): string {
  if (place.kind === 'override') return `${place.told}: ${sentence}`;
  if (place.kind === 'whole') return `${file}: ${sentence}`;
  return `${file}:${place.line}:${place.column}: ${sentence}`;
}

/** In the order of the file; overrides, which come after it, last and in their own order. */
function comparePlaces(a: FaultPlace, b: FaultPlace): number {
  if (a.kind !== 'file' || b.kind !== 'file') return Number(a.kind !== 'file') - Number(b.kind !== 'file');
  return a.line - b.line || a.column - b.column;
}

/** How a value is named in a sentence. */
export function showValue(value: unknown): string {
  if (value === undefined || value === null) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' ? 'a mapping' : JSON.stringify(value);
}
