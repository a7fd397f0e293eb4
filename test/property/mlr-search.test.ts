/** The search against systems whose capacity is known. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { searchLoads } from '../../src/experiment/search/mlr-search.ts';
import type { GoalBounds } from '../../src/experiment/search/mlr-search.ts';
import { DEFAULT_GOALS } from '../../src/experiment/search/search-goal.ts';

const LIMITS = { min: 1000, max: 1_000_000 };
const [NDR, PDR] = DEFAULT_GOALS;
const CAPACITY = fc.integer({ min: 2000, max: 900_000 });

/** Searches a system that loses `lossAt(load)`. @returns the bounds, and how many trials that took. */
async function search(lossAt: (load: number) => number): Promise<{ bounds: GoalBounds[]; trials: number }> {
  let trials = 0;
  const bounds = await searchLoads(DEFAULT_GOALS, LIMITS, (load, durationNs) => {
    expect(load).toBeGreaterThanOrEqual(LIMITS.min);
    expect(load).toBeLessThanOrEqual(LIMITS.max);
    expect(++trials).toBeLessThan(1000);
    return Promise.resolve({ durationNs, lossRatio: lossAt(load) });
  });
  return { bounds, trials };
}

const excess = (load: number, capacity: number): number => Math.max(0, load - capacity) / load;

describe('a search for loads', () => {
  it('finds the capacity of a system that forwards it at any load', async () => {
    await fc.assert(
      fc.asyncProperty(CAPACITY, async (capacity) => {
        const { bounds, trials } = await search((load) => excess(load, capacity));
        const [ndr, pdr] = bounds;
        expect(trials).toBeLessThan(150);
        expect(bounds.every(({ regular }) => regular)).toBe(true);
        expect(ndr.lowerPerSecond).toBeLessThanOrEqual(capacity);
        expect(ndr.upperPerSecond).toBeGreaterThan(capacity);
        expect(ndr.conditionalThroughput).toBe(ndr.lowerPerSecond);
        expect(pdr.lowerPerSecond! * (1 - PDR.lossRatio)).toBeLessThanOrEqual(capacity * (1 + 1e-9));
        expect(pdr.upperPerSecond! * (1 - PDR.lossRatio)).toBeGreaterThan(capacity * (1 - 1e-9));
        expect(1 - ndr.lowerPerSecond! / ndr.upperPerSecond!).toBeLessThanOrEqual(NDR.widthRatio);
      }),
    );
  });

  it('is not fooled by windows above the capacity in which nothing is lost', async () => {
    await fc.assert(
      fc.asyncProperty(CAPACITY, fc.integer(), async (capacity, seed) => {
        // Loss inversion: above the capacity every other load, at random, loses nothing.
        const loses = (load: number): boolean => load > capacity && ((load * 2_654_435_761 + seed) & 64) !== 0;
        const tried: { load: number; lossRatio: number }[] = [];
        const { bounds } = await search((load) => {
          const lossRatio = loses(load) ? 0.2 : 0;
          tried.push({ load, lossRatio });
          return lossRatio;
        });
        for (const { lowerPerSecond, upperPerSecond, regular } of bounds) {
          const lossy = tried.filter(({ lossRatio }) => lossRatio > 0).map(({ load }) => load);
          if (lossy.length === 0) continue;
          expect(regular).toBe(true);
          expect(upperPerSecond).toBe(Math.min(...lossy));
          expect(lowerPerSecond).toBeLessThan(Math.min(...lossy));
        }
      }),
    );
  });

  it('finds the capacity of a system that livelocks above it', async () => {
    await fc.assert(
      fc.asyncProperty(CAPACITY, async (capacity) => {
        // What is forwarded falls to nothing at four times the capacity.
        const forwarded = (load: number): number =>
          load <= capacity ? load : Math.max(0, capacity * (1 - (load - capacity) / (3 * capacity)));
        const { bounds } = await search((load) => 1 - forwarded(load) / load);
        for (const { regular, lowerPerSecond, upperPerSecond } of bounds) {
          expect(regular).toBe(true);
          expect(lowerPerSecond).toBeLessThanOrEqual(capacity * 1.01);
          expect(upperPerSecond).toBeGreaterThan(capacity);
        }
      }),
    );
  });

  it('ends with noise, within the loads where the noise is', async () => {
    await fc.assert(
      fc.asyncProperty(
        CAPACITY,
        fc.infiniteStream(fc.double({ min: 0.95, max: 1.05, noNaN: true })),
        async (c, noise) => {
          const { bounds } = await search((load) => excess(load, c * noise.next().value!));
          for (const { lowerPerSecond, upperPerSecond } of bounds) {
            expect(lowerPerSecond).toBeLessThanOrEqual(c * 1.06);
            expect(upperPerSecond).toBeGreaterThanOrEqual(c * 0.95);
          }
        },
      ),
    );
  });

  it('has no upper bound where the line is the limit, no lower one where nothing is carried', async () => {
    const all = await search(() => 0);
    expect(all.bounds[0]).toEqual({
      lowerPerSecond: LIMITS.max,
      upperPerSecond: null,
      conditionalThroughput: LIMITS.max,
      regular: false,
    });
    const nothing = await search(() => 1);
    expect(nothing.bounds[0]).toEqual({
      lowerPerSecond: null,
      upperPerSecond: LIMITS.min,
      conditionalThroughput: null,
      regular: false,
    });
  });

  it('gives what it has when it is ended', async () => {
    let left = 6;
    const bounds = await searchLoads(DEFAULT_GOALS, LIMITS, (load, durationNs) =>
      Promise.resolve(left-- > 0 ? { durationNs, lossRatio: excess(load, 10_000) } : null),
    );
    expect(bounds).toHaveLength(2);
    expect(bounds.every(({ regular }) => !regular)).toBe(true);
  });
});
