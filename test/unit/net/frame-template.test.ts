import { describe, expect, it } from 'vitest';
import { parseIpv4 } from '../../../src/net/wire/address.ts';
import { ipv4ChecksumOk } from '../../../src/net/wire/checksum.ts';
import { parseMac } from '../../../src/net/wire/ethernet.ts';
import { FlowTemplates } from '../../../src/net/traffic/flow-templates.ts';
import { buildFrame, type FrameSpec } from '../../../src/net/traffic/frame-template.ts';
import { ipv4TotalBytes } from '../../../src/net/wire/ipv4.ts';
import {
  TEST_FRAME_CORRUPT,
  TEST_FRAME_FOREIGN,
  TEST_FRAME_INTACT,
  checkTestFrame,
  testFrameSendNs,
  testFrameSeq,
  testFrameStream,
} from '../../../src/net/traffic/test-frame-check.ts';
import { udpChecksumField, udpChecksumOk, udpLength, writeUdpChecksum } from '../../../src/net/wire/udp.ts';

const spec: FrameSpec = {
  dstMac: parseMac('02:00:00:00:00:0b'),
  srcMac: parseMac('02:00:00:00:00:0a'),
  srcAddress: parseIpv4('10.0.1.2'),
  dstAddress: parseIpv4('10.0.2.2'),
  srcPort: 1024,
  dstPort: 9,
  ttl: 64,
  stream: 0x0102,
};

/** A frame at the start of memory of its own that words can be read from. */
function padded(frame: Uint8Array): { bytes: Uint8Array; words: Int32Array } {
  const bytes = new Uint8Array(Math.ceil(frame.length / 4) * 4);
  bytes.set(frame);
  return { bytes, words: new Int32Array(bytes.buffer) };
}

describe('test frame', () => {
  it('of 64 bytes is these 60, byte for byte', () => {
    const frame = buildFrame(spec, 64, 0x0000_a1b2c3d4e5f6, 0x00_1122_3344_5566);
    const expected = [
      '02000000000b02000000000a0800', // Ethernet
      '4500002e000040004011', // IPv4: total length 46, DF, TTL 64, UDP
      '23bc0a0001020a000202',
      '04000009001a', // UDP: length 26
      '87f8', // UDP checksum
      '76680102a1b2c3d4e5f60000112233445566', // magic, stream, sequence, send time
    ].join('');
    expect(Buffer.from(frame).toString('hex')).toBe(expected);
  });

  it.each([64, 65, 66, 67, 68, 128, 1518, 9018])(
    'of %i bytes has right lengths, checksums, stamp and content',
    (size) => {
      const frame = buildFrame(spec, size, 2 ** 48 - 1, 2 ** 53 - 1);
      expect(frame.length).toBe(size - 4);
      expect(ipv4TotalBytes(frame, 14)).toBe(size - 18);
      expect(udpLength(frame, 34)).toBe(size - 38);
      expect(ipv4ChecksumOk(frame, 14, 20)).toBe(true);
      expect(udpChecksumField(frame, 34)).not.toBe(0);
      expect(udpChecksumOk(frame, 14)).toBe(true);
      const { bytes, words } = padded(frame);
      expect(checkTestFrame(bytes, words, 0, frame.length)).toBe(TEST_FRAME_INTACT);
      expect([testFrameStream(words, 0), testFrameSeq(words, 0), testFrameSendNs(words, 0)]).toEqual([
        0x0102,
        2 ** 48 - 1,
        2 ** 53 - 1,
      ]);
    },
  );

  it('is told from other frames', () => {
    const frame = buildFrame(spec, 64, 1, 1);
    for (const at of [12, 13, 14, 23, 42, 43]) {
      const { bytes, words } = padded(frame);
      bytes[at] ^= 1;
      expect(checkTestFrame(bytes, words, 0, 60), `byte ${at}`).toBe(TEST_FRAME_FOREIGN);
    }
    const { bytes, words } = padded(frame);
    expect(checkTestFrame(bytes, words, 0, 59)).toBe(TEST_FRAME_FOREIGN);
  });

  it.each([
    ['frame size', {}, 63],
    ['frame size', {}, 9019],
    ['source port', { srcPort: 65536 }, 64],
    ['TTL', { ttl: 0 }, 64],
    ['stream', { stream: -1 }, 64],
    ['destination address', { dstAddress: 2 ** 32 }, 64],
  ])('with %s out of range is refused', (what, change, size) => {
    expect(() => buildFrame({ ...spec, ...change }, size, 0, 0)).toThrow(what);
  });
});

describe('verification at the sink', () => {
  const words = new Int32Array(2048 / 4);
  const bytes = new Uint8Array(words.buffer);

  it.each([64, 65, 66, 67, 131])('finds any wrong bit behind the Ethernet header of %i bytes', (size) => {
    const frame = buildFrame(spec, size, 0x1234_5678_9abc, 2 ** 52 + 12_345);
    // Type, version, protocol and magic say whose frame it is, and the TOS byte is covered by the header checksum.
    const identity = new Set([12, 13, 14, 23, 42, 43]);
    for (let bit = 14 * 8; bit < frame.length * 8; bit += 1) {
      if (identity.has(bit >> 3)) continue;
      bytes.set(frame, 64);
      expect(checkTestFrame(bytes, words, 64, frame.length)).toBe(TEST_FRAME_INTACT);
      bytes[64 + (bit >> 3)] ^= 1 << (bit & 7);
      expect(checkTestFrame(bytes, words, 64, frame.length), `bit ${bit}`).toBe(TEST_FRAME_CORRUPT);
    }
  });

  it('finds wrong content under a right checksum', () => {
    const frame = buildFrame(spec, 131, 7, 0);
    bytes.set(frame, 64);
    bytes[64 + 70] = frame[70] + 1;
    bytes[64 + 80] = frame[80] - 1;
    writeUdpChecksum(bytes, 64 + 14);
    expect(udpChecksumOk(bytes, 64 + 14)).toBe(true);
    expect(checkTestFrame(bytes, words, 64, frame.length)).toBe(TEST_FRAME_CORRUPT);
  });

  it('takes a UDP checksum of zero for none (RFC 768)', () => {
    bytes.set(buildFrame(spec, 64, 7, 0), 64);
    bytes.fill(0, 64 + 40, 64 + 42);
    expect(checkTestFrame(bytes, words, 64, 60)).toBe(TEST_FRAME_INTACT);
  });

  it('finds the rest of an earlier frame where a copy stopped short', () => {
    for (let distance = 1; distance < 16; distance += 1) {
      bytes.set(buildFrame(spec, 256, 100, 0), 0);
      bytes.set(buildFrame(spec, 256, 100 + distance, 0).subarray(0, 64), 0);
      writeUdpChecksum(bytes, 14);
      expect(checkTestFrame(bytes, words, 0, 252)).toBe(TEST_FRAME_CORRUPT);
    }
  });
});

describe('flow templates', () => {
  const words = new Int32Array(16_384 / 4);
  const bytes = new Uint8Array(words.buffer);

  it('vary the source port, then the source address', () => {
    const flows = new FlowTemplates({ ...spec, flowCount: 70_000 }, [64]);
    const seen: [number, string, number][] = [
      [0, '0a000102', 1024],
      [64_511, '0a000102', 65_535],
      [64_512, '0a000103', 1024],
      [69_999, '0a000103', 1024 + 69_999 - 64_512],
    ];
    for (const [flow, address, port] of seen) {
      flows.write(bytes, words, 0, 0, flow, 0, 0);
      expect(Buffer.from(bytes.subarray(26, 30)).toString('hex')).toBe(address);
      expect((bytes[34] << 8) | bytes[35]).toBe(port);
      expect(flows.flowOf(bytes, 0)).toBe(flow);
    }
  });

  it('vary the source address alone on request, over a million flows', () => {
    const flows = new FlowTemplates({ ...spec, flowCount: 1_000_000, srcPortCount: 1 }, [64]);
    for (const flow of [0, 1, 255, 256, 65_535, 65_536, 999_999]) {
      flows.write(bytes, words, 0, 0, flow, 0, 0);
      expect(flows.flowOf(bytes, 0)).toBe(flow);
      expect(ipv4ChecksumOk(bytes, 14, 20)).toBe(true);
      expect(udpChecksumOk(bytes, 14)).toBe(true);
    }
  });

  it('do not take a foreign frame for one of theirs', () => {
    const flows = new FlowTemplates({ ...spec, flowCount: 10 }, [64]);
    for (const change of [
      { srcPort: 1034 },
      { srcPort: 1023 },
      { srcAddress: spec.srcAddress + 1 },
      { srcAddress: 1 },
    ]) {
      expect(flows.flowOf(buildFrame({ ...spec, ...change }, 64, 0, 0), 0)).toBe(-1);
    }
  });

  it('refuse flows beyond the address space and frames of impossible size', () => {
    expect(() => new FlowTemplates({ ...spec, srcAddress: 0xffff_ffff, flowCount: 2, srcPortCount: 1 }, [64])).toThrow(
      'last source address',
    );
    expect(() => new FlowTemplates({ ...spec, flowCount: 2, srcPortCount: 64_513 }, [64])).toThrow('source ports');
    expect(() => new FlowTemplates({ ...spec, flowCount: 0 }, [64])).toThrow('number of flows');
    expect(() => new FlowTemplates({ ...spec, flowCount: 1 }, [60])).toThrow('frame size');
  });

  it('never sends a UDP checksum of zero', () => {
    const flows = new FlowTemplates({ ...spec, flowCount: 1 }, [64]);
    let allOnes = 0;
    for (let seq = 0; seq < 0x2_0000; seq += 1) {
      flows.write(bytes, words, 0, 0, 0, seq, 0);
      const checksum = udpChecksumField(bytes, 34);
      expect(checksum === 0).toBe(false);
      if (checksum === 0xffff) {
        allOnes += 1;
        expect(udpChecksumOk(bytes, 14)).toBe(true);
      }
    }
    expect(allOnes).toBeGreaterThanOrEqual(2);
  });
});
