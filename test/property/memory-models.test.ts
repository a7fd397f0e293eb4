import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { copyWords } from '../../src/memory/copy-words.ts';
import { bucketNs, bucketOf, HISTOGRAM_BUCKETS } from '../../src/memory/histogram.ts';
import {
  MAGAZINE_STEPS,
  MagazineBed,
  POOL_STEPS,
  PoolBed,
  RING_STEPS,
  RingBed,
  runSteps,
  WIRE_STEPS,
  WireBed,
} from '../support/slot-models.ts';

const STARTS = [0, 0x7fff_fffd, -3];

describe('agrees with plain arrays', () => {
  test.each(STARTS)('id ring, indices from %i', (start) => {
    runSteps(() => new RingBed(start), RING_STEPS, 150);
  });
  test.each(STARTS)('wire, indices from %i', (start) => {
    runSteps(() => new WireBed(start), WIRE_STEPS, 60);
  });
  test('frame pools and the ways home', () => {
    runSteps(() => new PoolBed(), POOL_STEPS, 20);
  });
  test('magazines over a depot', () => {
    runSteps(() => new MagazineBed(), MAGAZINE_STEPS, 200);
  });
});

describe('histogram', () => {
  test('a value is known to 1.6 %, and buckets are in order', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0x7fff_fffe }), (ns) => {
        const bucket = bucketOf(ns);
        expect(bucket >= 0 && bucket < HISTOGRAM_BUCKETS).toBe(true);
        expect(Math.abs(bucketNs(bucket) - ns)).toBeLessThanOrEqual(ns < 64 ? 0 : ns / 64);
        expect(bucketOf(ns + 1)).toBeGreaterThanOrEqual(bucket);
      }),
      { numRuns: 2000 },
    );
  });

  test('every bucket is where its own middle falls; what is beyond either end goes to the end', () => {
    for (let bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++) expect(bucketOf(bucketNs(bucket))).toBe(bucket);
    expect([bucketOf(-1), bucketOf(-Infinity), bucketOf(0.9)]).toEqual([0, 0, 0]);
    expect([bucketOf(2 ** 31), bucketOf(1e15), bucketOf(Infinity)]).toEqual(new Array(3).fill(HISTOGRAM_BUCKETS - 1));
  });
});

test('copyWords copies exactly its words, at any length and place', () => {
  const at = fc.nat(40);
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 80 }), at, at, (words, to, from) => {
      const source = Int32Array.from({ length: 130 }, (_, i) => i * 7919 - 3);
      const target = new Int32Array(130).fill(-1);
      const wanted = target.slice();
      for (let i = 0; i < words; i++) wanted[to + i] = source[from + i];
      copyWords(target, to, source, from, words);
      expect(target).toEqual(wanted);
    }),
  );
});
