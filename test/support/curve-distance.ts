/** How far the curves of two sweeps are apart, when each is measured by its own loss-free rate and its own peaks. */
import type { SweepResult } from '../../src/experiment/sweep/sweep-result.ts';

export interface CurveDistance {
  readonly variant: string;
  /** Root of the mean square of the differences of delivered / peak, at the same multiples of L; 0.1 is a tenth of the peak. */
  readonly rms: number;
  readonly most: { readonly multiple: number; readonly first: number; readonly second: number };
  /** Points that both have a valid trial of, and those that either lacks. */
  readonly points: number;
  readonly skipped: number;
}

/** Compares variant by variant; of those without a common point nothing is said. */
export function curveDistances(first: SweepResult, second: SweepResult): CurveDistance[] {
  return first.variants.flatMap(({ name }): CurveDistance[] => {
    const [one, other] = [normalised(first, name), normalised(second, name)];
    const pairs = [...one].flatMap(([multiple, a]) => {
      const b = other.get(multiple);
      return a === null || b === null || b === undefined ? [] : [{ multiple, first: a, second: b }];
    });
    if (pairs.length === 0) return [];
    const apart = (pair: (typeof pairs)[number]): number => Math.abs(pair.first - pair.second);
    return [
      {
        variant: name,
        rms: rootMeanSquare(pairs.map(apart)),
        most: pairs.reduce((worst, pair) => (apart(pair) > apart(worst) ? pair : worst)),
        points: pairs.length,
        skipped: one.size - pairs.length,
      },
    ];
  });
}

export function rootMeanSquare(values: readonly number[]): number {
  return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
}

/** Delivered / peak by multiple of L; null at points without a valid trial. */
function normalised({ points, variants }: SweepResult, name: string): Map<number, number | null> {
  const peak = variants.find((variant) => variant.name === name)?.peak ?? null;
  const own = points.filter(({ variant }) => variant === name);
  return new Map(
    own.map(({ multiple, validTrials, egressPerSecond }) => {
      return [multiple!, peak === null || validTrials === 0 ? null : egressPerSecond.median / peak.egressPerSecond];
    }),
  );
}
