/** The Trial Loss Ratio of RFC 9971: what was intended and not forwarded, whether it was lost or never sent. */
import type { PhaseResult } from '../run/run-result.ts';
import { measuredWhole } from './swept-load.ts';
import type { SweptLoad } from './swept-load.ts';

/** Frames that fell due this shortly before the end of a trial are on their way to the wire, not unsent. */
const DUE_AT_END_NS = 1e6;

export interface TrialLoss {
  /** Of what was intended, 0 where nothing was. */
  readonly lossRatio: number;
  /** Part of it that the generator never sent. */
  readonly unsentRatio: number;
}

export function trialLoss(phase: PhaseResult, load: SweptLoad): TrialLoss {
  const lossRatio = measuredWhole(phase, load).lossRatio ?? 0;
  // A connection that was due and not opened is one that did not complete.
  if (load.unit === 'connections') return { lossRatio, unsentRatio: 0 };
  const streams = phase.streams.filter(({ name }) => load.counted === null || name === load.counted);
  let [intended, sent, unsent] = [0, 0, 0];
  for (const { offeredFrames, sentFrames, requestedFps } of streams) {
    const dueAtEnd = Math.ceil((requestedFps * DUE_AT_END_NS) / 1e9);
    intended += offeredFrames;
    sent += sentFrames;
    unsent += Math.max(0, offeredFrames - sentFrames - dueAtEnd);
  }
  if (intended === 0) return { lossRatio: 0, unsentRatio: 0 };
  return { lossRatio: Math.min(1, (unsent + lossRatio * sent) / intended), unsentRatio: unsent / intended };
}
