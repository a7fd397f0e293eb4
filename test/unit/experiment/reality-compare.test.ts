import { describe, expect, test } from 'vitest';
import { curveDistance, peakPerSecond, shareOfPeak } from '../../../src/experiment/reality/compare.ts';
import type { Curve } from '../../../src/experiment/reality/compare.ts';

/** @param shares delivered of the peak by multiple; negative where no trial was valid. */
function curve(peak: number, shares: Readonly<Record<number, number>>): Curve {
  const points = Object.entries(shares).map(([multiple, share]) => {
    const median = Math.abs(share) * peak;
    const offeredPerSecond = Number(multiple) * 1000;
    return {
      multiple: Number(multiple),
      offeredPerSecond,
      median,
      min: median,
      max: median,
      validTrials: share < 0 ? 0 : 1,
    };
  });
  return { lossFreePerSecond: 1000, points };
}

describe('the distance of two curves', () => {
  test('is none where only their scale differs', () => {
    const distance = curveDistance(curve(100, { 1: 1, 2: 0.8, 4: 0.1 }), curve(9e5, { 1: 1, 2: 0.8, 4: 0.1 }));
    expect(distance?.rms).toBeCloseTo(0, 12);
    expect(distance?.multiples).toEqual([1, 2, 4]);
  });

  test('is the root of the mean square, and says where they part most and which is higher', () => {
    const distance = curveDistance(curve(10, { 1: 1, 2: 0.5, 4: 0.2 }), curve(10, { 1: 1, 2: 0.8, 4: 0.1 }));
    expect(distance?.rms).toBeCloseTo(Math.sqrt((0 + 0.09 + 0.01) / 3), 12);
    expect(distance?.worst.multiple).toBe(2);
    expect(distance?.worst.difference).toBeCloseTo(-0.3, 12);
  });

  test('leaves out loads without a valid trial of either, and is not known where none is left', () => {
    const whole = curve(10, { 1: 1, 2: 0.5 });
    expect(curveDistance(whole, curve(10, { 1: 1, 2: -0.1 }))?.multiples).toEqual([1]);
    expect(curveDistance(whole, curve(10, { 3: 1 }))).toBeNull();
  });
});

test('the peak is of valid points alone', () => {
  const partly = curve(10, { 1: 0.5, 2: -1 });
  expect(peakPerSecond(partly)).toBe(5);
  expect(shareOfPeak(partly, 1)).toBe(1);
  expect(shareOfPeak(partly, 2)).toBeNull();
});
