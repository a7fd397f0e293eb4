/**
 * From trials to costs. In a trial softirq takes so much of the host's core for so many frames on so many wake-ups by
 * another core; each kind of trial has a path, whose cost a frame is what is looked for. Each round of trials gives one
 * answer by least squares; the answer is the median over the rounds, with a 95 % interval by the bootstrap.
 */
import { median, quantileSorted } from 'simple-statistics';
import { VirtualRandom } from '../../runtime/virtual/virtual-random.ts';

/** One trial: what a path took of the host's core. */
export interface PathTrial<Path extends string> {
  readonly path: Path;
  readonly frames: number;
  readonly wakes: number;
  readonly lostNs: number;
}

/** A figure with the interval it lies in with 95 % confidence. */
export interface Estimate {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** What one round comes to: ns a frame on each path, and ns a wake-up. */
export type RoundAnswer<Path extends string> = Readonly<Record<Path | 'wake', number>>;

/** Least squares of lostNs = frames x cost of its path + wakes x cost of a wake-up. @throws where it has no one answer. */
export function solveRound<Path extends string>(trials: readonly PathTrial<Path>[]): RoundAnswer<Path> {
  const paths = [...new Set(trials.map(({ path }) => path))];
  const size = paths.length + 1;
  const normal = Array.from({ length: size }, () => new Array<number>(size + 1).fill(0));
  for (const { path, frames, wakes, lostNs } of trials) {
    const row = [...paths.map((each) => (each === path ? frames : 0)), wakes];
    row.forEach((left, i) => {
      row.forEach((right, j) => (normal[i][j] += left * right));
      normal[i][size] += left * lostNs;
    });
  }
  const solved = eliminate(normal);
  const named = [...paths, 'wake' as const].map((name, i) => [name, solved[i]] as const);
  return Object.fromEntries(named) as RoundAnswer<Path>;
}

/** Gauss and Jordan, with the largest pivot. @param rows a square matrix with its right side as the last column. */
function eliminate(rows: number[][]): number[] {
  const size = rows.length;
  for (let column = 0; column < size; column++) {
    const below = rows.slice(column);
    const pivot = below.reduce((best, row) => (Math.abs(row[column]) > Math.abs(best[column]) ? row : best), below[0]);
    rows.splice(rows.indexOf(pivot), 1);
    rows.splice(column, 0, pivot);
    if (Math.abs(pivot[column]) < 1e-9) throw new Error('the trials do not tell their paths and wake-ups apart');
    for (const row of rows) {
      if (row === pivot) continue;
      const factor = row[column] / pivot[column];
      for (let i = column; i <= size; i++) row[i] -= factor * pivot[i];
    }
  }
  return rows.map((row, i) => row[size] / row[i]);
}

const RESAMPLES = 2000;
const SEED = 1;

/** Median of `values`, and its 95 % interval by resampling them. @param values at least one. */
export function estimate(values: readonly number[]): Estimate {
  const random = new VirtualRandom(SEED);
  const medians = Array.from({ length: RESAMPLES }, () =>
    median(values.map(() => values[random.index(values.length)])),
  ).sort((a, b) => a - b);
  return { value: median([...values]), low: quantileSorted(medians, 0.025), high: quantileSorted(medians, 0.975) };
}
