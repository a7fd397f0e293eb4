import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { longestBurst } from '../../../../src/experiment/suite/back-to-back.ts';

describe('the longest burst that passes whole', () => {
  it('is found to the frame, in few bursts', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 3_000_000 }),
        fc.integer({ min: 1, max: 3_000_000 }),
        async (room, longest) => {
          let tried = 0;
          const found = await longestBurst(longest, (frames) => {
            tried++;
            expect(frames).toBeGreaterThan(0);
            expect(frames).toBeLessThanOrEqual(longest);
            return Promise.resolve(frames <= room);
          });
          expect(found).toBe(Math.min(room, longest));
          expect(tried).toBeLessThanOrEqual(2 * Math.ceil(Math.log2(longest + 1)) + 2);
        },
      ),
    );
  });
});
