import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ipv4ChecksumOk } from '../../src/net/wire/checksum.ts';
import { ipv4HeaderBytes, ipv4IsFragment } from '../../src/net/wire/ipv4.ts';
import { hasIpv4Header } from '../../src/net/capture/replay-addressing.ts';
import { FRAME_FOREIGN, FRAME_GOOD, FRAME_UNTIMED } from '../../src/net/traffic/traffic-check.ts';
import { tcpChecksumOk } from '../../src/net/tcp/tcp.ts';
import { udpChecksumOk } from '../../src/net/wire/udp.ts';
import { ADDRESSING, captureOf, forwarded, ipv4Frame, ReplayBed } from '../support/replay-bed.ts';

/** Few values of everything, so that equal frames and equal flows are frequent. */
const ipv4 = fc
  .record({
    protocol: fc.constantFrom('udp' as const, 'tcp' as const, 'icmp' as const),
    dst: fc.oneof(fc.constantFrom(0x0a00_0001, 0xc612_0105, 0xe000_0001), fc.integer({ min: 0, max: 0xffff_ffff })),
    port: fc.constantFrom(1000, 1001),
    ttl: fc.constantFrom(1, 2, 64, 255),
    sizeBytes: fc.oneof(fc.constantFrom(64, 65, 66, 67, 200), fc.integer({ min: 64, max: 1518 })),
    fill: fc.nat(2),
  })
  .map(ipv4Frame);
/**
 * The same with one byte damaged: wrong checksums, other lengths, fragments, options, group addresses. Which of several
 * fragments arrives carries no tag to tell: net-replay-fragments.test.ts.
 */
const damaged = fc.tuple(ipv4, fc.nat(45), fc.integer({ min: 1, max: 255 })).map(([frame, at, change]) => {
  const copy = frame.slice();
  copy[at] ^= change;
  return copy;
});
const noise = fc.uint8Array({ minLength: 14, maxLength: 200 });
const frames = fc
  .array(fc.oneof({ weight: 4, arbitrary: ipv4 }, damaged, noise), { minLength: 1, maxLength: 12 })
  .chain((kinds) => fc.array(fc.constantFrom(...kinds), { minLength: 1, maxLength: 24 }));

const padded = (frame: Uint8Array): Uint8Array => {
  const bytes = new Uint8Array(Math.max(frame.length, 60));
  bytes.set(frame);
  return bytes;
};
const headerRight = (frame: Uint8Array): boolean => ipv4ChecksumOk(frame, 14, ipv4HeaderBytes(frame, 14));

describe('replay', () => {
  it('is recognised frame by frame after forwarding, with losses and delay, wherever the tags stand', () => {
    const start = fc.oneof(fc.nat(200_000), fc.integer({ min: 2 ** 31 - 20, max: 2 ** 40 }));
    const steps = fc.array(fc.tuple(fc.nat(3), fc.boolean()), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(frames, start, steps, fc.nat(20), (captured, first, moves, delay) => {
        const bed = new ReplayBed(captureOf(captured));
        const inFlight: { seq: number; frame: Uint8Array; forward: boolean }[] = [];
        let seq = first;
        const deliver = (): void => {
          const { seq: own, frame, forward } = inFlight.shift()!;
          const source = captured[own % captured.length];
          const verdict = bed.receive(forward && frame[22] > 0 ? forwarded(frame) : frame);
          if (!hasIpv4Header(source, 0, source.length)) expect(verdict).toBe(FRAME_FOREIGN);
          else if (ipv4IsFragment(source, 14)) expect([FRAME_GOOD, FRAME_UNTIMED]).toContain(verdict);
          else expect([verdict, bed.check.sentNs]).toEqual([FRAME_GOOD, 3 * own]);
        };
        for (const [lost, forward] of moves) {
          for (let i = 0; i < lost; i += 1) bed.send(seq++);
          const routable = hasIpv4Header(captured[seq % captured.length], 0, captured[seq % captured.length].length);
          inFlight.push({ seq, frame: bed.send(seq), forward: forward && routable });
          seq += 1;
          if (inFlight.length > delay) deliver();
        }
        while (inFlight.length > 0) deliver();
      }),
      { numRuns: 300 },
    );
  });

  it('changes nothing but addresses, identification and the checksums that cover them, right or wrong', () => {
    fc.assert(
      fc.property(frames, fc.nat(100_000), (captured, first) => {
        const bed = new ReplayBed(captureOf(captured));
        for (let i = 0; i < captured.length; i += 1) {
          const original = padded(captured[(first + i) % captured.length]);
          const sent = bed.send(first + i);
          expect(sent.length).toBe(original.length);
          const raw = captured[(first + i) % captured.length];
          if (!hasIpv4Header(raw, 0, raw.length)) {
            expect(sent.subarray(12)).toEqual(original.subarray(12));
            continue;
          }
          expect(headerRight(sent)).toBe(headerRight(original));
          const may = new Set([18, 19, 24, 25, 30, 31, 32, 33]);
          const l4 = 14 + ipv4HeaderBytes(original, 14);
          if (original[23] === 6) may.add(l4 + 16).add(l4 + 17);
          if (original[23] === 17) may.add(l4 + 6).add(l4 + 7);
          const changed = [...sent.keys()].filter((at) => at >= 12 && !may.has(at) && sent[at] !== original[at]);
          expect(changed).toEqual([]);
        }
      }),
    );
  });

  it('keeps right transport checksums right', () => {
    fc.assert(
      fc.property(fc.array(ipv4, { minLength: 1, maxLength: 8 }), (captured) => {
        const bed = new ReplayBed(captureOf(captured), [ADDRESSING]);
        captured.forEach((_, seq) => {
          const sent = bed.send(seq);
          if (sent[23] === 6) expect(tcpChecksumOk(sent, 14)).toBe(true);
          if (sent[23] === 17) expect(udpChecksumOk(sent, 14)).toBe(true);
        });
      }),
    );
  });
});
