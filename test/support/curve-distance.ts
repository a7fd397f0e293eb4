/** How far the curves of two sweeps are apart, when each is measured by its own loss-free rate and its own peaks. */
import type { CurvePoint } from '../../src/experiment/reality/compare.ts';
import { curveDistance, shareOfPeak } from '../../src/experiment/reality/compare.ts';
import type { SweepResult } from '../../src/experiment/sweep/sweep-result.ts';

export interface VariantDistance {
  readonly variant: string;
  /** Root of the mean square of the differences of delivered / peak, at the same multiples of L; 0.1 is a tenth of the peak. */
  readonly rms: number;
  readonly most: { readonly multiple: number; readonly first: number; readonly second: number };
  /** Points that both have a valid trial of, and those that either lacks. */
  readonly points: number;
  readonly skipped: number;
}

/** Compares variant by variant; of those without a common point nothing is said. */
export function curveDistances(first: SweepResult, second: SweepResult): VariantDistance[] {
  return first.variants.flatMap(({ name }): VariantDistance[] => {
    const [one, other] = [curveOf(first, name), curveOf(second, name)];
    const distance = curveDistance(one, other);
    if (distance === null) return [];
    const { rms, multiples, worst } = distance;
    const at = { first: shareOfPeak(one, worst.multiple)!, second: shareOfPeak(other, worst.multiple)! };
    const [points, skipped] = [multiples.length, one.points.length - multiples.length];
    return [{ variant: name, rms, most: { multiple: worst.multiple, ...at }, points, skipped }];
  });
}

export function rootMeanSquare(values: readonly number[]): number {
  return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
}

function curveOf({ points }: SweepResult, name: string): { points: CurvePoint[] } {
  return {
    points: points
      .filter(({ variant }) => variant === name)
      .map(({ multiple, offeredPerSecond, validTrials, egressPerSecond: { median, min, max } }) => {
        return { multiple: multiple!, offeredPerSecond, validTrials, median, min, max };
      }),
  };
}
