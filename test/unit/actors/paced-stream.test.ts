import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PacedStream } from '../../../actors/wire/paced-stream.ts';
import { FrameSchedule, PACED_BY_BYTES, PACED_BY_FRAMES } from '../../../src/net/traffic/frame-schedule.ts';

const FPS = 1_000_000;

function streamOf(frameBytes: readonly number[] | null, burst: number, pacedBy: number): PacedStream {
  const schedule = frameBytes === null ? null : new FrameSchedule(Float64Array.from(frameBytes));
  const stream = new PacedStream({ write: () => 60, schedule }, { pattern: 'constant', burst, seed: 1 });
  stream.setRate(FPS, pacedBy, 0);
  return stream;
}

describe('what is given up', () => {
  test.each([
    ['frames of one size', null, PACED_BY_FRAMES],
    ['a recording', [64, 1518, 1518, 64, 700], PACED_BY_BYTES],
  ])('counts as offered, no more and no less, and the pace goes on: %s', (_, frameBytes, pacedBy) => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 4 }),
        fc.array(fc.record({ sent: fc.nat(40), pauseNs: fc.nat(60_000), give: fc.boolean() }), { maxLength: 30 }),
        (burst, steps) => {
          const stream = streamOf(frameBytes, burst, pacedBy);
          let nowNs = 0;
          for (const { sent, pauseNs, give } of steps) {
            nowNs += pauseNs;
            for (let i = 0; i < sent && stream.dueNs <= nowNs; i++) stream.advance();
            const before = stream.offered(nowNs);
            if (!give) continue;
            const seq = stream.seq;
            stream.abandon(nowNs);
            expect(stream.seq).toBe(seq);
            expect(stream.dueNs).toBeGreaterThanOrEqual(nowNs);
            // A burst that is due at this very moment is not given up, and counts when it is looked for.
            expect(Math.abs(stream.offered(nowNs) - before)).toBeLessThanOrEqual(burst);
          }
          // All in all as many as the rate says, give or take a round of the recording.
          expect(Math.abs(stream.offered(nowNs) - (nowNs * FPS) / 1e9)).toBeLessThanOrEqual(burst + 16);
        },
      ),
    );
  });
});
