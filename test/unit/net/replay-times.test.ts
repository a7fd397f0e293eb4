import { describe, expect, it } from 'vitest';
import { parseCapture } from '../../../src/net/capture/capture-file.ts';
import { captureTimes } from '../../../src/net/capture/replay-times.ts';
import { pcapBytes } from '../../support/capture-bytes.ts';

const SECOND = 1e9;
const captureAt = (microseconds: readonly number[]) =>
  parseCapture(
    pcapBytes(
      microseconds.map((at) => ({
        seconds: 1000 + Math.floor(at / 1e6),
        fraction: ((at % 1e6) + 1e6) % 1e6,
        bytes: [1],
      })),
      true,
    ),
    'times.pcap',
  );
const timesOf = (microseconds: readonly number[], longest = SECOND) => {
  const { offsetsNs, ...rest } = captureTimes(captureAt(microseconds), longest);
  return { us: Array.from(offsetsNs, (ns) => ns / 1000), ...rest };
};

describe("a capture's own times", () => {
  it('count from the first frame, and the round ends a mean gap after the last', () => {
    expect(timesOf([5, 15, 45])).toEqual({ us: [0, 10, 40], roundNs: 60_000, stepsBack: 0, pausesCut: 0, cutNs: 0 });
  });

  it('that step back wait for the clock to pass, so that nothing adds up', () => {
    expect(timesOf([0, 10, 5, 15, 12, 20])).toMatchObject({ us: [0, 10, 10, 15, 15, 20], stepsBack: 2 });
  });

  it('go on behind a clock that was set back', () => {
    const hour = 3600e6;
    expect(timesOf([hour, hour + 10, 0, 30])).toMatchObject({ us: [0, 10, 10, 40], stepsBack: 1, pausesCut: 0 });
  });

  it('lose what a pause is longer than waited, and keep the distances behind it', () => {
    const minute = 60e6;
    expect(timesOf([0, 10, minute, minute + 10])).toMatchObject({
      us: [0, 10, 1_000_010, 1_000_020],
      pausesCut: 1,
      cutNs: 59e9 - 10_000,
    });
    expect(timesOf([0, minute], 120 * SECOND)).toMatchObject({ us: [0, minute], pausesCut: 0, roundNs: 120e9 });
  });

  it('are none where all are the same, or there is one only', () => {
    expect([timesOf([7, 7, 7]).roundNs, timesOf([7]).roundNs, timesOf([]).roundNs]).toEqual([0, 0, 0]);
  });
});
