/**
 * What each factor of a grid does, and each pair beyond the two alone: the allocation of variation of a full factorial
 * design with replications (R. Jain, The Art of Computer Systems Performance Analysis, 1991, chapters 18 and 23). Means
 * and sums of squares are of the egress of the trials that points are made of.
 */
import { mean } from 'simple-statistics';
import type { Factor } from './grid.ts';

/** One combination at one rate. */
export interface CellTrials {
  /** A value for each factor. */
  readonly levels: readonly string[];
  /** Egress of each trial, per second; at least one. */
  readonly egressPerSecond: readonly number[];
}

export interface FactorEffect {
  readonly key: string;
  /** Mean egress at each value, over all values of the others. */
  readonly levels: readonly { readonly value: string; readonly egressPerSecond: number }[];
  /** Of all variation between trials, the part that follows this factor alone; null when there is no variation. */
  readonly share: number | null;
}

/** All effects at one rate. The shares add up to 1. */
export interface RateEffects {
  readonly rateIndex: number;
  readonly factors: readonly FactorEffect[];
  /** What two factors do together beyond what each does alone. */
  readonly interactions: readonly { readonly keys: readonly [string, string]; readonly share: number | null }[];
  /** Three and more together. */
  readonly higherShare: number | null;
  /** Between trials that asked for the same: what the others have to be told from. */
  readonly trialsShare: number | null;
}

/** @returns null where a combination has no trial. */
export function effectsAt(
  rateIndex: number,
  factors: readonly Factor[],
  cells: readonly CellTrials[],
): RateEffects | null {
  if (cells.length !== factors.reduce((product, { values }) => product * values.length, 1)) return null;
  const means = cells.map(({ egressPerSecond }) => mean([...egressPerSecond]));
  const grand = mean(means);
  const meanWhere = (fixed: readonly number[], cell: CellTrials): number =>
    mean(means.filter((_, i) => fixed.every((f) => cells[i].levels[f] === cell.levels[f])));
  const trialsEach = mean(cells.map(({ egressPerSecond }) => egressPerSecond.length));
  const squares = (deviation: (cell: CellTrials, i: number) => number): number =>
    trialsEach * cells.reduce((sum, cell, i) => sum + deviation(cell, i) ** 2, 0);
  const pairs = factors.flatMap((_, a) => factors.slice(a + 1).map((_, i) => [a, a + 1 + i] as const));
  const alone = factors.map((_, f) => squares((cell) => meanWhere([f], cell) - grand));
  const together = pairs.map(([a, b]) =>
    squares((cell) => meanWhere([a, b], cell) - meanWhere([a], cell) - meanWhere([b], cell) + grand),
  );
  const between = squares((_, i) => means[i] - grand);
  const within = cells.reduce(
    (sum, { egressPerSecond }, i) => sum + egressPerSecond.reduce((part, y) => part + (y - means[i]) ** 2, 0),
    0,
  );
  const total = between + within;
  const share = (part: number): number | null => (total === 0 ? null : Math.max(0, part) / total);
  return {
    rateIndex,
    factors: factors.map(({ key, values }, f) => ({
      key,
      levels: values.map((value) => {
        const there = means.filter((_, i) => cells[i].levels[f] === value);
        return { value, egressPerSecond: mean(there) };
      }),
      share: share(alone[f]),
    })),
    interactions: pairs.map(([a, b], i) => ({ keys: [factors[a].key, factors[b].key], share: share(together[i]) })),
    higherShare: share(between - [...alone, ...together].reduce((sum, part) => sum + part, 0)),
    trialsShare: share(within),
  };
}
