import { describe, expect, it } from 'vitest';
import { othersLoss, othersLossNotes, othersLossOfTrials } from '../../../src/experiment/judge/others-loss.ts';
import { judgeValidity } from '../../../src/experiment/judge/validity.ts';
import type { PhaseResult } from '../../../src/experiment/run/run-result.ts';
import { phaseOf } from '../../support/phase-results.ts';

/** A phase of 1 s that lost this share, while others had this share of core 0. */
function lossy(lossRatio: number, foreignRatio: number, stealRatio = 0): PhaseResult {
  const phase = phaseOf({ cores: [{ core: 0, foreignRatio, stealRatio, excusedRatio: 0 }] });
  return { ...phase, total: { ...phase.total, lossRatio, lostFrames: lossRatio * phase.total.sentFrames } };
}

describe('what may be the loss of others', () => {
  it('is no more than came while they had the core', () => {
    expect(othersLoss(lossy(0.012, 0.02))).toMatchObject({ core: 0 });
    expect(othersLoss(lossy(0.012, 0.006, 0.007))).toMatchObject({ core: 0 });
    expect(othersLoss(lossy(0.03, 0.02))).toBeNull();
    expect(othersLoss(lossy(0, 0.02))).toBeNull();
    expect(othersLoss({ ...lossy(0.01, 0.02), cores: null })).toBeNull();
  });

  it('is noted of a run by its phases, and makes none invalid', () => {
    const phase = lossy(0.01, 0.02);
    const [note] = othersLossNotes([phase, lossy(0.5, 0.02)]);
    expect(othersLossNotes([phase, lossy(0.5, 0.02)])).toHaveLength(1);
    expect(note).toMatch(
      /^flood: others had core 0 for [\d.]+ m?s, in which at least as many frames came as were lost/,
    );
    expect(judgeValidity([phase], [], [], [note])).toMatchObject({ status: 'valid', notes: [note] });
  });

  it('is counted among the valid trials of a sweep', () => {
    const trial = (phase: PhaseResult, status: 'valid' | 'invalid') => ({
      phase,
      validity: { status, reasons: [], notes: [] },
    });
    const trials = [
      trial(lossy(0.01, 0.02), 'valid'),
      trial(lossy(0.5, 0.02), 'valid'),
      trial(lossy(0.01, 0.02), 'invalid'),
    ];
    expect(othersLossOfTrials(trials)).toEqual([expect.stringMatching(/^1 of 2 valid trials lost no more frames/)]);
    expect(othersLossOfTrials(trials.slice(1))).toEqual([]);
  });
});
