import { describe, expect, it } from 'vitest';
import { sweepStory } from '../../../../src/experiment/sweep/sweep-story.ts';
import type { SweepResult } from '../../../../src/experiment/sweep/sweep-result.ts';

/** Two variants, of which points were made at the rates of these numbers. */
function sweepOf(rates: Readonly<Record<'vhost' | 'accelerated', readonly number[]>>): SweepResult {
  const spread = { median: 1000, min: 1000, max: 1000 };
  const made = Object.entries(rates).flatMap(([variant, indexes]) =>
    indexes.map((rateIndex) => ({
      ...{ variant, rateIndex, offeredPerSecond: 1000 * (1 + rateIndex), multiple: null, trials: 1, validTrials: 1 },
      ...{ status: 'valid', egressPerSecond: spread, lossRatio: spread, streams: [], lostAt: [], threads: [] },
    })),
  );
  const variants = Object.keys(rates).map((name) => {
    return { name, peak: { egressPerSecond: 1000, offeredPerSecond: 1000 }, lossFreePerSecond: null, verdict: '' };
  });
  return { load: { unit: 'frames', counted: null }, variants, points: made } as unknown as SweepResult;
}

describe('a variant beside the first', () => {
  it('is compared where both were offered the same', () => {
    const [, second] = sweepStory(sweepOf({ vhost: [0, 1], accelerated: [0, 1] }));
    expect(second).toContain('1.00 times that of vhost.');
  });

  it('is not compared where an interruption left one without rates that the other has', () => {
    const [, second] = sweepStory(sweepOf({ vhost: [0, 1], accelerated: [0] }));
    expect(second).toContain(', not compared with vhost, which has valid points at other rates.');
    expect(second).not.toContain('times that of');
  });
});
