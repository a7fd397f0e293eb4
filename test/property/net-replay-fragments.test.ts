import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FRAME_GOOD, FRAME_UNTIMED } from '../../src/net/traffic/traffic-check.ts';
import { ADDRESSING, captureOf, forwarded, fragmentOf, ipv4Frame, ReplayBed } from '../support/replay-bed.ts';

/** Fragments nearer to each other than this, and equal, have no known time; none is on its way for as long. */
const APART_NS = 1e9;

const plain = ipv4Frame({ protocol: 'udp', dst: 0x0a00_0005, port: 1000, ttl: 64, sizeBytes: 64, fill: 0 });
const right = fragmentOf(plain, 9, 0x2000);
const wrong = right.slice();
wrong[24] ^= 0x11;
/** Two equal ones but for the checksum, another, and a whole datagram; what is equal has one number. */
const KINDS = [
  { bytes: right, content: 0 },
  { bytes: wrong, content: 0 },
  { bytes: fragmentOf(plain, 10, 0x00b9), content: 1 },
  { bytes: plain, content: 2 },
];
const WHOLE = 2;

interface Sent {
  readonly frame: Uint8Array;
  readonly content: number;
  readonly lane: number;
  readonly dueNs: number;
  readonly arrivesNs: number;
}

describe('replayed fragments', () => {
  it('are timed exactly where no equal one of any stream was sent within a second, whatever is lost', () => {
    const captured = fc.array(fc.constantFrom(...KINDS), { minLength: 1, maxLength: 5 });
    const step = fc.record({
      lane: fc.nat(2),
      gapNs: fc.oneof(fc.constantFrom(1e3, APART_NS - 1, APART_NS), fc.integer({ min: 1, max: 3e9 })),
      flightNs: fc.oneof(fc.constantFrom(1, APART_NS - 1), fc.integer({ min: 1, max: APART_NS - 1 })),
      fate: fc.constantFrom('lost', 'forwarded', 'as it was'),
    });
    fc.assert(
      fc.property(
        captured,
        fc.integer({ min: 1, max: 3 }),
        fc.array(step, { maxLength: 40 }),
        (kinds, lanes, steps) => {
          const bed = new ReplayBed(captureOf(kinds.map(({ bytes }) => bytes)), new Array(lanes).fill(ADDRESSING));
          const next = new Array<number>(lanes).fill(0);
          const sent: Sent[] = [];
          let inFlight: Sent[] = [];
          const deliver = (one: Sent): void => {
            const verdict = bed.receive(one.frame);
            const due = sent.filter(({ content }) => content === one.content).map(({ dueNs }) => dueNs);
            const [latestNs, beforeNs = -Infinity] = due.sort((a, b) => b - a);
            const isKnown = one.content === WHOLE || latestNs - beforeNs >= APART_NS;
            expect(verdict).toBe(isKnown ? FRAME_GOOD : FRAME_UNTIMED);
            if (isKnown) expect([bed.check.streamIndex, bed.check.sentNs]).toEqual([one.lane, one.dueNs]);
          };
          const deliverUntil = (ns: number): void => {
            const ripe = inFlight.filter(({ arrivesNs }) => arrivesNs <= ns).sort((a, b) => a.arrivesNs - b.arrivesNs);
            inFlight = inFlight.filter(({ arrivesNs }) => arrivesNs > ns);
            ripe.forEach(deliver);
          };
          let dueNs = 0;
          for (const { lane: drawn, gapNs, flightNs, fate } of steps) {
            dueNs += gapNs;
            deliverUntil(dueNs);
            const lane = drawn % lanes;
            const { content } = kinds[next[lane] % kinds.length];
            const frame = bed.send(next[lane], lane, dueNs);
            next[lane] += 1;
            // A whole datagram keeps its order, as reordering is told of it.
            const arrivesNs = content === WHOLE ? dueNs : dueNs + flightNs;
            const one = { frame: fate === 'forwarded' ? forwarded(frame) : frame, content, lane, dueNs, arrivesNs };
            sent.push(one);
            if (fate !== 'lost') inFlight.push(one);
          }
          deliverUntil(Infinity);
        },
      ),
      { numRuns: 300 },
    );
  });
});
