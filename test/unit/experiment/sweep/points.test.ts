import { describe, expect, it } from 'vitest';
import type { OfferedRate } from '../../../../src/experiment/sweep/offered-rates.ts';
import { lossFreeRateOf, peakOf, sharesOf, spreadOf, variantPoints } from '../../../../src/experiment/sweep/points.ts';
import type { SweptLoad } from '../../../../src/experiment/sweep/swept-load.ts';
import type { Plan } from '../../../../src/runtime/plan.ts';
import { trialResult } from '../../../support/sweep-data.ts';

const PLAN = {
  threads: [
    { name: 'softirq0', kind: 'softirq' },
    { name: 'vhost-a', kind: 'vhost' },
    { name: 'vhost-b', kind: 'vhost' },
  ],
} as unknown as Plan;

const FRAMES: SweptLoad = { unit: 'frames', counted: null };
const RATES: OfferedRate[] = [2000, 4000, 8000].map((offeredPerSecond) => ({
  rate: { kind: 'frames', perSecond: offeredPerSecond },
  offeredPerSecond,
  multiple: offeredPerSecond / 2000,
}));

describe('points of a sweep', () => {
  it('take the middle trial, the least and the most', () => {
    expect(spreadOf([5, 1, 3])).toEqual({ median: 3, min: 1, max: 5 });
    expect(spreadOf([4, 2])).toEqual({ median: 3, min: 2, max: 4 });
    const trials = [100, 900, 500].map((frames) => trialResult({ sent: 1000, delivered: [frames, 0] }));
    const [point] = variantPoints('a', PLAN, FRAMES, RATES, trials);
    expect(point).toMatchObject({ trials: 3, validTrials: 3, status: 'valid', offeredPerSecond: 2000, multiple: 1 });
    expect(point.egressPerSecond).toEqual({ median: 500, min: 100, max: 900 });
    expect(point.streams.map(({ egressPerSecond }) => egressPerSecond.median)).toEqual([500, 0]);
  });

  it('leave invalid trials out where there are others, and are invalid where there are none', () => {
    const wrong = trialResult({ sent: 1000, delivered: [1, 1], status: 'invalid' });
    const right = trialResult({ sent: 1000, delivered: [900, 900] });
    expect(variantPoints('a', PLAN, FRAMES, RATES, [wrong, right, wrong])[0]).toMatchObject({
      trials: 3,
      validTrials: 1,
      status: 'valid',
      egressPerSecond: { median: 1800, min: 1800, max: 1800 },
    });
    expect(variantPoints('a', PLAN, FRAMES, RATES, [wrong])[0]).toMatchObject({
      status: 'invalid',
      egressPerSecond: { median: 2 },
    });
  });

  it('are made of their own variant’s trials, where any was made', () => {
    const trials = [
      trialResult({ sent: 1, delivered: [1, 0], rateIndex: 2 }),
      trialResult({ sent: 1, delivered: [0, 0], rateIndex: 0, variant: 'b' }),
    ];
    expect(variantPoints('a', PLAN, FRAMES, RATES, trials).map(({ rateIndex }) => rateIndex)).toEqual([2]);
  });

  it('have no loss where nothing was sent, and are no loss-free rate then', () => {
    const points = variantPoints('a', PLAN, FRAMES, RATES, [trialResult({ sent: 0, delivered: [0, 0] })]);
    expect(points[0].lossRatio).toBeNull();
    expect(points[0].egressPerSecond.median).toBe(0);
    expect(lossFreeRateOf(points, 0.005)).toBeNull();
  });

  it('say where frames were lost, most first, as shares of those sent', () => {
    const dropped = [
      { place: 'nic', frames: 200 },
      { place: 'tap', frames: 1000 },
    ] as const;
    const [point] = variantPoints('a', PLAN, FRAMES, RATES, [
      trialResult({ sent: 1000, delivered: [400, 400], dropped }),
    ]);
    expect(point.lostAt).toEqual([
      { place: 'tap', ratio: 0.5 },
      { place: 'nic', ratio: 0.1 },
    ]);
    expect(point.lossRatio!.median).toBe(0.6);
  });

  it('add up what threads of a kind ran, and average how long they waited', () => {
    const threads = [
      [0.5, 0.1],
      [0.2, 0.6],
      [0.1, 0.8],
    ] as const;
    const [point] = variantPoints('a', PLAN, FRAMES, RATES, [trialResult({ sent: 1, delivered: [1, 1], threads })]);
    expect(sharesOf(point, 'vhost')).toMatchObject({ threads: 2, waitingRatio: 0.7 });
    expect(sharesOf(point, 'vhost')?.runningCores).toBeCloseTo(0.3);
    expect(sharesOf(point, 'vcpu')).toBeNull();
    const blind = trialResult({ sent: 1, delivered: [1, 1], threads: [[0.5, null]] });
    expect(sharesOf(variantPoints('a', PLAN, FRAMES, RATES, [blind])[0], 'softirq')?.waitingRatio).toBeNull();
  });
});

describe('a variant over its points', () => {
  const pointsOf = (lost: readonly number[], invalid: readonly number[] = []) =>
    variantPoints(
      'a',
      PLAN,
      FRAMES,
      RATES,
      lost.map((frames, rateIndex) =>
        trialResult({
          rateIndex,
          status: invalid.includes(rateIndex) ? 'invalid' : 'valid',
          sent: 1000,
          delivered: [1000 - frames, 0],
          dropped: [{ place: 'tap', frames }],
        }),
      ),
    );

  it('is loss-free up to the highest rate with at most half a percent of loss', () => {
    expect(lossFreeRateOf(pointsOf([0, 10, 11]), 0.005)).toBe(4000);
    expect(lossFreeRateOf(pointsOf([11, 11, 11]), 0.005)).toBeNull();
  });

  it('peaks where the median egress is highest', () => {
    expect(peakOf(pointsOf([100, 0, 300]))?.rateIndex).toBe(1);
    expect(peakOf([])).toBeNull();
  });

  it('has neither figure from a point without a valid trial', () => {
    expect(lossFreeRateOf(pointsOf([0, 10, 11], [1]), 0.005)).toBe(2000);
    expect(lossFreeRateOf(pointsOf([0, 0, 0], [0, 1, 2]), 0.005)).toBeNull();
    expect(peakOf(pointsOf([100, 0, 300], [1]))?.rateIndex).toBe(0);
    expect(peakOf(pointsOf([100, 0, 300], [0, 1, 2]))).toBeNull();
  });
});
