import { bucketNs } from '../../memory/histogram.ts';

/** Percentiles of a histogram, each known to 1.6 % (memory/histogram.ts). */
export interface LatencySummary {
  readonly count: number;
  readonly minNs: number;
  readonly p50Ns: number;
  readonly p90Ns: number;
  readonly p99Ns: number;
  readonly p999Ns: number;
  readonly maxNs: number;
}

/** Counts between two copies of one histogram, bucket by bucket. */
export function histogramGrowth(before: Float64Array, after: Float64Array): Float64Array {
  return after.map((count, bucket) => count - before[bucket]);
}

/** Several histograms as one. */
export function addHistograms(histograms: readonly Float64Array[]): Float64Array {
  const sum = new Float64Array(Math.max(0, ...histograms.map(({ length }) => length)));
  for (const counts of histograms) for (let i = 0; i < counts.length; i++) sum[i] += counts[i];
  return sum;
}

/** Percentiles by the nearest-rank method; null when nothing was counted. */
export function summariseHistogram(counts: Float64Array): LatencySummary | null {
  let count = 0;
  for (let i = 0; i < counts.length; i++) count += counts[i];
  if (count <= 0) return null;
  const shares = [0, 0.5, 0.9, 0.99, 0.999, 1];
  const found: number[] = [];
  let passed = 0;
  for (let bucket = 0; found.length < shares.length; bucket++) {
    passed += counts[bucket];
    while (found.length < shares.length && passed >= Math.max(1, Math.ceil(shares[found.length] * count))) {
      found.push(bucketNs(bucket));
    }
  }
  const [minNs, p50Ns, p90Ns, p99Ns, p999Ns, maxNs] = found;
  return { count, minNs, p50Ns, p90Ns, p99Ns, p999Ns, maxNs };
}

/** Share of the values that are above `ns`; null when nothing was counted. */
export function shareAbove(counts: Float64Array, ns: number): number | null {
  let count = 0;
  let above = 0;
  for (let bucket = 0; bucket < counts.length; bucket++) {
    count += counts[bucket];
    if (bucketNs(bucket) > ns) above += counts[bucket];
  }
  return count <= 0 ? null : above / count;
}
