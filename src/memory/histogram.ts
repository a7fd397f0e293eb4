/**
 * Log-linear histogram of nanoseconds in shared memory: 64 buckets to an octave, so a value is known to 1.6 %. One
 * writer; readers copy the counts and subtract an earlier copy to see an interval.
 */
import type { Memory, Region } from './arena.ts';
import type { Arena } from './arena.ts';

const SUB_BITS = 6;
const SUB = 1 << SUB_BITS;
/** Values from 2^31 ns (2.1 s) on share the last bucket. */
const VALUE_MAX = 0x7fff_ffff;
export const HISTOGRAM_BUCKETS = SUB + (31 - SUB_BITS) * SUB;

export function reserveHistogram(arena: Arena): Region {
  return arena.reserve(HISTOGRAM_BUCKETS * 8);
}

/** Bucket of a value in ns; negative values count as zero. */
export function bucketOf(ns: number): number {
  const value = ns <= 0 ? 0 : ns >= VALUE_MAX ? VALUE_MAX : ns | 0;
  if (value < SUB) return value;
  const shift = 31 - SUB_BITS - Math.clz32(value);
  return SUB + shift * SUB + (value >>> shift) - SUB;
}

/** Middle of a bucket, in ns. */
export function bucketNs(bucket: number): number {
  if (bucket < SUB) return bucket;
  const shift = (bucket - SUB) >> SUB_BITS;
  return (SUB + ((bucket - SUB) & (SUB - 1)) + 0.5) * 2 ** shift;
}

/** The writer's end. */
export class Histogram {
  private readonly counts: Float64Array;

  constructor(memory: Memory, region: Region) {
    this.counts = memory.doubles(region);
  }

  /** Counts `weight` values of `ns`. */
  record(ns: number, weight: number): void {
    this.counts[bucketOf(ns)] += weight;
  }
}
