import { describe, expect, it } from 'vitest';
import { searchLossFreeRate } from '../../../../src/experiment/sweep/loss-free-search.ts';
import type { LossFreeSearch } from '../../../../src/experiment/sweep/loss-free-search.ts';

const SEARCH: LossFreeSearch = { start: 20_000, min: 1000, max: 1_488_000, precision: 1.05, lossRatioMax: 0.005 };

/** A machine that carries `limit` and drops the rest, and the rates it was asked to carry. */
function machine(limit: number): { tried: number[]; measure: (perSecond: number) => Promise<number> } {
  const tried: number[] = [];
  const measure = (perSecond: number): Promise<number> => {
    tried.push(perSecond);
    return Promise.resolve(Math.max(0, 1 - limit / perSecond));
  };
  return { tried, measure };
}

describe('the search for the loss-free rate', () => {
  it.each([1500, 19_000, 20_000, 21_000, 133_700, 1_200_000])('finds a limit of %d frames/s', async (limit) => {
    const { tried, measure } = machine(limit);
    const found = await searchLossFreeRate(SEARCH, measure);
    // Up to half a percent of loss counts as none.
    expect(found).toBeLessThanOrEqual(limit / 0.995);
    expect(found).toBeGreaterThan(limit / 1.05);
    expect(tried.length).toBeLessThanOrEqual(15);
  });

  it('doubles, then bisects', async () => {
    const { tried, measure } = machine(100_000);
    await searchLossFreeRate(SEARCH, measure);
    expect(tried.slice(0, 4)).toEqual([20_000, 40_000, 80_000, 160_000]);
    expect(tried[4]).toBeCloseTo(Math.sqrt(80_000 * 160_000));
  });

  it('does not believe a loss that is gone when the rate is offered again', async () => {
    const { tried, measure } = machine(100_000);
    const found = await searchLossFreeRate(SEARCH, (perSecond) => {
      const cold = tried.length < 4;
      return cold ? measure(perSecond).then((loss) => (perSecond >= 80_000 ? 0.07 : loss)) : measure(perSecond);
    });
    expect(found).toBeGreaterThan(95_000);
    expect(found).toBeLessThanOrEqual(100_000 / 0.995);
  });

  it('offers no more than the line carries, and finds that rate where nothing is lost', async () => {
    const { tried, measure } = machine(Infinity);
    expect(await searchLossFreeRate(SEARCH, measure)).toBe(SEARCH.max);
    expect(Math.max(...tried)).toBe(SEARCH.max);
  });

  it('gives up at the least rate', async () => {
    const { tried, measure } = machine(10);
    expect(await searchLossFreeRate(SEARCH, measure)).toBeNull();
    expect(Math.min(...tried)).toBe(SEARCH.min);
  });

  it('ends when measuring ends', async () => {
    let calls = 0;
    expect(await searchLossFreeRate(SEARCH, () => Promise.resolve(++calls < 3 ? 0 : null))).toBeNull();
    expect(calls).toBe(3);
  });
});
