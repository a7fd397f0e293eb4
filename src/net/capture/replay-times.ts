/** When the frames of a capture are due, as the capture's own clock has it. */
import type { Capture } from './capture.ts';

/** A capture's timetable, as it is replayed round and round. */
export interface CaptureTimes {
  /** Nanoseconds from the beginning of a round to each frame of the capture, never falling. */
  readonly offsetsNs: Float64Array;
  /** Length of a round: to the last frame, and a mean gap more; 0 where the capture has no times, or one only. */
  readonly roundNs: number;
  /** Frames that have a time before that of the one before them: they are due at once behind it. */
  readonly stepsBack: number;
  /** Pauses longer than is waited, and by how much all of them were shortened. */
  readonly pausesCut: number;
  readonly cutNs: number;
}

/**
 * Each time counts from the first frame's and not from the last one's, so that nothing adds up. A time that falls
 * behind, as where two queues of a card were captured, waits for the clock to pass it; one that falls back by more than
 * `longestPauseNs` is taken for a clock that was set, and so is a pause longer than that: the times behind it move.
 */
export function captureTimes({ frameCount, timestampsNs }: Capture, longestPauseNs: number): CaptureTimes {
  const offsetsNs = new Float64Array(frameCount);
  let shiftNs = NaN;
  let latestNs = 0;
  let stepsBack = 0;
  let pausesCut = 0;
  let cutNs = 0;
  for (let i = 0; i < frameCount; i += 1) {
    const timeNs = timestampsNs[i];
    if (!Number.isNaN(timeNs)) {
      if (Number.isNaN(shiftNs)) shiftNs = timeNs - latestNs;
      const aheadNs = timeNs - shiftNs - latestNs;
      if (i > 0 && timeNs < timestampsNs[i - 1]) stepsBack += 1;
      if (aheadNs > longestPauseNs) {
        pausesCut += 1;
        cutNs += aheadNs - longestPauseNs;
        shiftNs += aheadNs - longestPauseNs;
        latestNs += longestPauseNs;
      } else if (aheadNs < -longestPauseNs) {
        shiftNs += aheadNs;
      } else if (aheadNs > 0) {
        latestNs += aheadNs;
      }
    }
    offsetsNs[i] = latestNs;
  }
  const roundNs = frameCount > 1 ? latestNs + latestNs / (frameCount - 1) : 0;
  return { offsetsNs, roundNs, stepsBack, pausesCut, cutNs };
}
