/**
 * What blocks say of two sides, each block a pair of values measured together. The unit is the block: what disturbed
 * one disturbed both its values.
 */
import { median, quantileSorted, sampleWithReplacement } from 'simple-statistics';

export interface PairedTest {
  readonly blocks: number;
  readonly medianA: number;
  readonly medianB: number;
  /** Ratio of the medians, B to A, and its interval from a bootstrap of whole blocks; null where A's median is 0. */
  readonly ratio: Interval | null;
  /** Hodges-Lehmann shift from A to B: the median of the means of all pairs of differences. */
  readonly shift: Interval;
  /** Two-sided, by changing the sides within blocks: all ways where they are few, otherwise many at random. */
  readonly pValue: number;
  /** The values of the sides differ, by the test, and the interval of the shift does not hold 0. */
  readonly shown: boolean;
}

export interface Interval {
  readonly estimate: number;
  readonly low: number;
  readonly high: number;
}

/** Chance of an interval that misses, and of a difference that is shown and is none. */
export const SIGNIFICANCE = 0.05;

const RESAMPLES = 4000;
/** All ways of changing sides up to 2^14 are tried. */
const EXACT_BLOCKS_MAX = 14;
const RANDOM_WAYS = 20_000;

/** @param pairs at least two. @param seed the same for the same answer. */
export function pairedTest(pairs: readonly (readonly [a: number, b: number])[], seed = 1): PairedTest {
  const random = randomOf(seed);
  const differences = pairs.map(([a, b]) => b - a);
  const resamples = Array.from({ length: RESAMPLES }, () => sampleWithReplacement([...pairs], pairs.length, random));
  const medianA = median(pairs.map(([a]) => a));
  const medianB = median(pairs.map(([, b]) => b));
  const ratios = resamples.map(ratioOfMedians).filter((ratio) => ratio !== null);
  const ratio = ratioOfMedians(pairs);
  const shifts = resamples.map((blocks) => hodgesLehmann(blocks.map(([a, b]) => b - a)));
  const shift = intervalOf(hodgesLehmann(differences), shifts);
  const pValue = permutationP(differences, random);
  return {
    blocks: pairs.length,
    medianA,
    medianB,
    ratio: ratio === null || ratios.length < RESAMPLES ? null : intervalOf(ratio, ratios),
    shift,
    pValue,
    shown: pValue <= SIGNIFICANCE && (shift.low > 0 || shift.high < 0),
  };
}

function ratioOfMedians(pairs: readonly (readonly [a: number, b: number])[]): number | null {
  const a = median(pairs.map((pair) => pair[0]));
  return a === 0 ? null : median(pairs.map((pair) => pair[1])) / a;
}

function hodgesLehmann(differences: readonly number[]): number {
  const means: number[] = [];
  for (let i = 0; i < differences.length; i++) {
    for (let j = i; j < differences.length; j++) means.push((differences[i] + differences[j]) / 2);
  }
  return median(means);
}

/** Percentiles of what the resamples gave, widened to hold the estimate. */
function intervalOf(estimate: number, resampled: readonly number[]): Interval {
  const sorted = [...resampled].sort((a, b) => a - b);
  const low = Math.min(estimate, quantileSorted(sorted, SIGNIFICANCE / 2));
  const high = Math.max(estimate, quantileSorted(sorted, 1 - SIGNIFICANCE / 2));
  return { estimate, low, high };
}

/** Share of the ways to change sides whose sum of differences is at least as far from 0 as the one that was measured. */
function permutationP(differences: readonly number[], random: () => number): number {
  const total = (signOf: (i: number) => boolean): number =>
    Math.abs(differences.reduce((sum, difference, i) => sum + (signOf(i) ? difference : -difference), 0));
  const measured = total(() => true);
  // What is equal must count as equal, whatever the order in which it was summed.
  const enough = measured * (1 - 1e-9);
  const count = differences.length;
  if (count <= EXACT_BLOCKS_MAX) {
    const ways = 2 ** count;
    let extreme = 0;
    for (let way = 0; way < ways; way++) if (total((i) => (way & (1 << i)) !== 0) >= enough) extreme++;
    return extreme / ways;
  }
  let extreme = 1;
  for (let way = 1; way < RANDOM_WAYS; way++) if (total(() => random() < 0.5) >= enough) extreme++;
  return extreme / RANDOM_WAYS;
}

/** Mulberry32, from 0 to below 1: the same seed gives the same numbers. */
export function randomOf(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}
