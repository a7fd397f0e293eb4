import { describe, expect, it } from 'vitest';
import { trialLoss } from '../../../../src/experiment/sweep/trial-loss.ts';
import type { PhaseResult } from '../../../../src/experiment/run/run-result.ts';

const phase = (offeredFrames: number, sentFrames: number, lossRatio: number): PhaseResult =>
  ({
    streams: [{ name: 'a', requestedFps: 100_000, offeredFrames, sentFrames, deliveredFrames: sentFrames, lossRatio }],
    connections: [],
    latency: [],
    total: { lossRatio },
  }) as unknown as PhaseResult;

describe('the loss of a trial', () => {
  it.each([null, 'a'])('counts what was never sent as lost, whatever counts (%s)', (counted) => {
    const loss = trialLoss(phase(100_000, 50_000, 0.1), { unit: 'frames', counted });
    expect(loss.unsentRatio).toBeCloseTo(0.5, 2);
    expect(loss.lossRatio).toBeCloseTo(0.5 + 0.05, 2);
  });

  it('is not made by frames that were due in the last millisecond', () => {
    const load = { unit: 'frames', counted: null } as const;
    expect(trialLoss(phase(100_000, 99_900, 0), load)).toEqual({ lossRatio: 0, unsentRatio: 0 });
    expect(trialLoss(phase(100_000, 99_899, 0), load).lossRatio).toBe(1e-5);
  });
});
