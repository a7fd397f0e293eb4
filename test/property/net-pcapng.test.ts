import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseCapture } from '../../src/net/capture/capture-file.ts';
import { capturedFrame, CaptureFileError } from '../../src/net/capture/capture.ts';
import { PcapngWriter } from '../support/pcapng-writer.ts';
import { pcapBytes } from '../support/capture-bytes.ts';

const text = fc.string({ unit: 'grapheme', maxLength: 40 });
const frame = fc.record({
  interfaceId: fc.nat(2),
  timeNs: fc.integer({ min: 0, max: 2 ** 52 }),
  bytes: fc.uint8Array({ maxLength: 3000 }),
  offset: fc.nat(7),
  cut: fc.nat(100),
  comment: fc.option(text, { nil: '' }),
});

function write(
  epochNs: bigint,
  frames: readonly (typeof frame extends fc.Arbitrary<infer T> ? T : never)[],
): Uint8Array {
  const chunks: Uint8Array[] = [];
  const writer = new PcapngWriter({ sink: (chunk) => chunks.push(chunk.slice()), application: 'vhostlab', epochNs });
  for (const name of ['nic0', 'tåp0', '']) writer.addInterface(name, `where ${name} is`, 0);
  for (const each of frames) {
    const bytes = new Uint8Array(each.offset + each.bytes.length);
    bytes.set(each.bytes, each.offset);
    const { interfaceId, timeNs, offset, comment } = each;
    writer.writeFrame(interfaceId, timeNs, bytes, offset, each.bytes.length, each.bytes.length + each.cut, comment);
  }
  writer.writeInterfaceStatistics(0, 2 ** 52, 2 ** 53 - 1, 12);
  writer.flush();
  return Uint8Array.from(Buffer.concat(chunks));
}

describe('pcapng', () => {
  it('reads back what was written, to the nanosecond', () => {
    const epoch = fc.bigInt({ min: 0n, max: 2_000_000_000_000_000_000n });
    fc.assert(
      fc.property(epoch, fc.array(frame, { maxLength: 30, size: 'max' }), (epochNs, frames) => {
        const capture = parseCapture(write(epochNs, frames), 'written.pcapng');
        expect(capture.frameCount).toBe(frames.length);
        expect(capture.interfaceNames).toEqual(['nic0', 'tåp0', '']);
        for (const [i, each] of frames.entries()) {
          expect(Buffer.compare(capturedFrame(capture, i), each.bytes)).toBe(0);
          expect(capture.originalLengths[i]).toBe(each.bytes.length + each.cut);
          expect(capture.interfaceIds[i]).toBe(each.interfaceId);
          expect(capture.firstTimeNs + BigInt(capture.timestampsNs[i])).toBe(epochNs + BigInt(each.timeNs));
        }
      }),
      { numRuns: 50 },
    );
  });
});

describe('damaged capture files', () => {
  const good = [
    pcapBytes([{ seconds: 1, fraction: 2, bytes: [1, 2, 3, 4, 5] }], true),
    pcapBytes([{ seconds: 1, fraction: 2, bytes: [1, 2, 3, 4, 5] }], false, 0xa1b23c4d),
    write(5n, [
      { interfaceId: 1, timeNs: 7, bytes: Uint8Array.of(1, 2, 3), offset: 0, cut: 0, comment: 'drop: tap queue full' },
      { interfaceId: 2, timeNs: 8, bytes: Uint8Array.of(4), offset: 0, cut: 1, comment: '' },
    ]),
  ];

  it('are read or refused by a CaptureFileError with a place inside the file, never by anything else', () => {
    const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 });
    fc.assert(
      fc.property(fc.constantFrom(...good), damage, fc.nat(40), (file, changes, cut) => {
        const bytes = file.slice(0, file.length - cut);
        for (const [at, value] of changes) bytes[at % bytes.length] = value;
        try {
          const capture = parseCapture(bytes, 'damaged');
          const { frameCount, lengths, starts, etherTypes } = capture;
          for (let i = 0; i < frameCount; i += 1) {
            expect(starts[i] + lengths[i] - (etherTypes[i] === 0 ? 0 : 14)).toBeLessThanOrEqual(bytes.length);
          }
        } catch (error) {
          if (!(error instanceof CaptureFileError)) throw error;
          expect(error.byteOffset).toBeLessThanOrEqual(bytes.length);
          expect(error.message.startsWith(`damaged: byte ${error.byteOffset}: `)).toBe(true);
        }
      }),
      { numRuns: 3000 },
    );
  });
});
