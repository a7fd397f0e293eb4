import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FlowTemplates } from '../../src/net/traffic/flow-templates.ts';
import { buildFrame } from '../../src/net/traffic/frame-template.ts';
import { TEST_FRAME_INTACT, checkTestFrame } from '../../src/net/traffic/test-frame-check.ts';
import { udpChecksumOk } from '../../src/net/wire/udp.ts';

const u16 = fc.oneof(fc.constantFrom(0, 1, 0xfffe, 0xffff), fc.nat(0xffff));
const mac = fc.record({ high: u16, low: fc.integer({ min: -0x8000_0000, max: 0x7fff_ffff }) });
const address = fc.oneof(fc.constantFrom(0, 0xfff0_0000), fc.integer({ min: 0, max: 0xfff0_0000 }));
const spec = fc.record({
  dstMac: mac,
  srcMac: mac,
  srcAddress: address,
  dstAddress: address,
  srcPort: u16,
  dstPort: u16,
  ttl: fc.integer({ min: 1, max: 255 }),
  stream: u16,
});
const size = fc.oneof(fc.constantFrom(64, 65, 66, 67, 594, 1518), fc.integer({ min: 64, max: 2000 }));
const seq = fc.oneof(fc.constantFrom(0, 2 ** 32 - 1, 2 ** 32, 2 ** 48 - 1), fc.integer({ min: 0, max: 2 ** 48 - 1 }));
const sendNs = fc.oneof(
  fc.constantFrom(0, 2 ** 32 - 0.5, 2 ** 53 - 1),
  fc.double({ min: 0, max: 2 ** 53 - 1, noNaN: true }),
);

describe('flow templates', () => {
  it('write the frame that is built from scratch for the flow, byte for byte, and nothing beyond it', () => {
    fc.assert(
      fc.property(
        spec,
        fc.array(size, { minLength: 1, maxLength: 3 }),
        fc.array(fc.tuple(fc.nat(), seq, sendNs, fc.nat(3)), { minLength: 1, maxLength: 8 }),
        fc.nat(0xffff),
        (base, sizes, writes, portChoice) => {
          const srcPortCount = 1 + (portChoice % (0x1_0000 - base.srcPort));
          const flowCount = 1_000_000;
          const flows = new FlowTemplates({ ...base, flowCount, srcPortCount }, sizes);
          for (const [flowChoice, eachSeq, eachSendNs, slot] of writes) {
            const words = new Int32Array(3 * 1024).fill(0x5a5a_5a5a);
            const bytes = new Uint8Array(words.buffer);
            const flow = flowChoice % flowCount;
            const sizeIndex = flowChoice % sizes.length;
            const offset = slot * 64 + 4;
            const frameBytes = flows.write(bytes, words, offset, sizeIndex, flow, eachSeq, eachSendNs);
            const expected = buildFrame(
              {
                ...base,
                srcAddress: base.srcAddress + Math.floor(flow / srcPortCount),
                srcPort: base.srcPort + (flow % srcPortCount),
              },
              sizes[sizeIndex],
              eachSeq,
              eachSendNs,
            );
            expect(frameBytes).toBe(expected.length);
            expect(Buffer.compare(bytes.subarray(offset, offset + frameBytes), expected)).toBe(0);
            expect(bytes.subarray(0, offset).every((byte) => byte === 0x5a)).toBe(true);
            expect(bytes.subarray(offset + frameBytes).every((byte) => byte === 0x5a)).toBe(true);
            expect(flows.flowOf(bytes, offset)).toBe(flow);
            expect(udpChecksumOk(bytes, offset + 14)).toBe(true);
            expect(checkTestFrame(bytes, words, offset, frameBytes)).toBe(TEST_FRAME_INTACT);
          }
        },
      ),
      { numRuns: 150 },
    );
  });
});
