import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Arrivals } from '../../src/net/traffic/arrivals.ts';
import { FRAME_DUPLICATE, FRAME_GOOD, FRAME_REORDERED } from '../../src/net/traffic/traffic-check.ts';

const FLOWS = 8;
const WINDOW = 65_536;

it('judges within the window as a list of all that arrived does', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(300), { maxLength: 400 }), (sequence) => {
      const arrivals = new Arrivals(FLOWS);
      const seen = new Set<number>();
      const last = new Array<number>(FLOWS).fill(-1);
      for (const seq of sequence) {
        const flow = seq % FLOWS;
        const verdict = seen.has(seq) ? FRAME_DUPLICATE : seq < last[flow] ? FRAME_REORDERED : FRAME_GOOD;
        expect(arrivals.note(seq, flow)).toBe(verdict);
        seen.add(seq);
        if (verdict === FRAME_GOOD) last[flow] = seq;
      }
    }),
  );
});

it('takes flows whose queue stood still while others went on by more than a window for what they are', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: FLOWS - 1 }), fc.integer({ min: 1, max: 5 }), (slow, windows) => {
      const arrivals = new Arrivals(FLOWS);
      const ahead = windows * WINDOW + 10 * FLOWS;
      let wrong = 0;
      for (let seq = 0; seq < ahead; seq++) {
        if (seq % FLOWS !== slow && arrivals.note(seq, seq % FLOWS) !== FRAME_GOOD) wrong++;
      }
      expect(wrong).toBe(0);
      for (let seq = slow; seq < 5 * FLOWS; seq += FLOWS) expect(arrivals.note(seq, slow)).toBe(FRAME_GOOD);
      for (let seq = slow; seq < 5 * FLOWS; seq += FLOWS) expect(arrivals.note(seq, slow)).toBe(FRAME_DUPLICATE);
      const near = ahead - FLOWS + slow;
      expect([arrivals.note(near, slow), arrivals.note(near, slow)]).toEqual([FRAME_GOOD, FRAME_DUPLICATE]);
    }),
    { numRuns: 15 },
  );
});
