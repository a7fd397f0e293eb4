import { describe, expect, test } from 'vitest';
import { estimate, solveRound } from '../../../../src/experiment/calibrate/solve.ts';
import type { PathTrial } from '../../../../src/experiment/calibrate/solve.ts';
import { VirtualRandom } from '../../../../src/runtime/virtual/virtual-random.ts';

const COSTS = { a: 150, b: 900 } as const;
const WAKE_NS = 6000;

function trials(noiseNs: (frames: number) => number): PathTrial<'a' | 'b'>[] {
  return (['a', 'b'] as const).flatMap((path) =>
    [
      { frames: 1000, wakes: 990 },
      { frames: 6400, wakes: 1200 },
      { frames: 8000, wakes: 125 },
    ].map(({ frames, wakes }) => {
      return { path, frames, wakes, lostNs: frames * COSTS[path] + wakes * WAKE_NS + noiseNs(frames) };
    }),
  );
}

describe('least squares', () => {
  test('finds what each path costs a frame, and what a wake-up does', () => {
    const found = solveRound(trials(() => 0));
    expect(found.a).toBeCloseTo(COSTS.a, 6);
    expect(found.b).toBeCloseTo(COSTS.b, 6);
    expect(found.wake).toBeCloseTo(WAKE_NS, 6);
  });

  test('refuses trials that cannot tell frames from wake-ups', () => {
    const alike = [100, 200, 300].map((frames) => ({ path: 'a', frames, wakes: frames, lostNs: frames * 10 }));
    expect(() => solveRound(alike)).toThrow('do not tell their paths and wake-ups apart');
  });
});

describe('an estimate', () => {
  test('is the median, which a disturbed round does not move', () => {
    const random = new VirtualRandom(3);
    const rounds = Array.from({ length: 30 }, (_, i) => {
      const disturbance = i === 7 ? 2e7 : 0;
      return solveRound(trials((frames) => frames * 20 * (random.fraction() - 0.5) + disturbance)).b;
    });
    const { value, low, high } = estimate(rounds);
    expect(Math.abs(value - COSTS.b)).toBeLessThan(10);
    expect(low).toBeLessThanOrEqual(value);
    expect(high).toBeGreaterThanOrEqual(value);
    expect(high - low).toBeLessThan(20);
  });

  test('of a single figure is that figure', () => {
    expect(estimate([5])).toEqual({ value: 5, low: 5, high: 5 });
  });
});
