import { decodeFromCompressedBase64 } from 'hdr-histogram-js';
import { describe, expect, it } from 'vitest';
import { HISTOGRAM_BUCKETS, bucketNs, bucketOf } from '../../../src/memory/histogram.ts';
import { hdrBase64 } from '../../../src/metrics/sinks/hdr-export.ts';
import { addHistograms, histogramGrowth, summariseHistogram } from '../../../src/metrics/derive/latency.ts';

const counted = (valuesNs: Iterable<number>): Float64Array => {
  const counts = new Float64Array(HISTOGRAM_BUCKETS);
  for (const ns of valuesNs) counts[bucketOf(ns)]++;
  return counts;
};
/** 1 us to 1000 us, each once. */
const microseconds = counted(Array.from({ length: 1000 }, (_, i) => (i + 1) * 1000));

describe('latency percentiles', () => {
  it('are nearest ranks, each within the width of a bucket', () => {
    const summary = summariseHistogram(microseconds)!;
    expect(summary.count).toBe(1000);
    const exact = { minNs: 1e3, p50Ns: 500e3, p90Ns: 900e3, p99Ns: 990e3, p999Ns: 999e3, maxNs: 1000e3 };
    for (const [name, ns] of Object.entries(exact)) {
      expect(Math.abs(summary[name as keyof typeof exact] / ns - 1), name).toBeLessThan(0.016);
    }
  });

  it('of one value are that value', () => {
    const ns = bucketNs(bucketOf(5000));
    expect(summariseHistogram(counted([5000]))).toEqual({
      count: 1,
      minNs: ns,
      p50Ns: ns,
      p90Ns: ns,
      p99Ns: ns,
      p999Ns: ns,
      maxNs: ns,
    });
  });

  it('of nothing are null', () => {
    expect(summariseHistogram(new Float64Array(HISTOGRAM_BUCKETS))).toBeNull();
    expect(summariseHistogram(new Float64Array(0))).toBeNull();
  });

  it('of an interval come from the difference of two readings', () => {
    const later = addHistograms([microseconds, counted([2e6, 2e6])]);
    expect(summariseHistogram(histogramGrowth(microseconds, later))).toMatchObject({
      count: 2,
      p50Ns: bucketNs(bucketOf(2e6)),
    });
  });

  it('are the same for a reader of HdrHistogram', async () => {
    const encoded = await hdrBase64(microseconds);
    expect(encoded).toMatch(/^HIST/);
    const decoded = decodeFromCompressedBase64(encoded);
    expect(decoded.totalCount).toBe(1000);
    expect(Math.abs(decoded.getValueAtPercentile(99) / 990e3 - 1)).toBeLessThan(0.03);
  });
});
