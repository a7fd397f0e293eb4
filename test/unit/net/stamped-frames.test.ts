import { describe, expect, it } from 'vitest';
import { StampedFrameReader, StampedTemplates } from '../../../src/net/traffic/stamped-frames.ts';
import {
  TEST_FRAME_CORRUPT,
  TEST_FRAME_FOREIGN,
  TEST_FRAME_INTACT,
} from '../../../src/net/traffic/test-frame-check.ts';
import { parseIpv4 } from '../../../src/net/wire/address.ts';
import { internetChecksum } from '../../../src/net/wire/checksum.ts';
import { parseMac } from '../../../src/net/wire/ethernet.ts';
import { icmpChecksumOk, icmpType, turnIntoEchoReply } from '../../../src/net/wire/icmp.ts';
import { decrementTtl, ipv4Protocol, ipv4Src } from '../../../src/net/wire/ipv4.ts';
import { rewriteSource } from '../../../src/net/wire/rewrite.ts';
import { tcpChecksumOk, tcpDstPort, tcpHeaderBytes, tcpSrcPort } from '../../../src/net/tcp/tcp.ts';

const OFFSET = 64;
const SIZES = [64, 65, 1518];
const SPEC = {
  dstMac: parseMac('52:54:00:00:00:01'),
  srcMac: parseMac('02:00:00:00:00:01'),
  srcAddress: parseIpv4('198.18.0.10'),
  dstAddress: parseIpv4('198.18.1.10'),
  srcPort: 1024,
  dstPort: 9,
  ttl: 64,
  stream: 7,
  flowCount: 100,
  srcPortCount: 40,
};

function sent(protocol: 'tcp' | 'icmp', sizeIndex: number, flow = 41, seq = 2 ** 40 + 5, sendNs = 2 ** 41 + 3) {
  const bytes = new Uint8Array(2048).fill(0x5a);
  const words = new Int32Array(bytes.buffer);
  const length = new StampedTemplates(SPEC, protocol, SIZES).write(bytes, words, OFFSET, sizeIndex, flow, seq, sendNs);
  return bytes.slice(OFFSET, OFFSET + length);
}
const reader = new StampedFrameReader();
const judge = (frame: Uint8Array): number => {
  const bytes = new Uint8Array(2048).fill(0x23);
  bytes.set(frame, OFFSET);
  return reader.check(bytes, new Int32Array(bytes.buffer), OFFSET, frame.length);
};

describe.each(['tcp', 'icmp'] as const)('stamped %s frames', (protocol) => {
  it.each([0, 1, 2])('of size %# have right lengths and checksums, and are read back', (sizeIndex) => {
    const frame = sent(protocol, sizeIndex);
    expect(frame.length).toBe(SIZES[sizeIndex] - 4);
    expect(internetChecksum(frame, 14, 20)).toBe(0);
    expect(ipv4Protocol(frame, 14)).toBe(protocol === 'tcp' ? 6 : 1);
    // Flow 41 of 40 to an address is the second of the second address.
    expect(ipv4Src(frame, 14)).toBe(SPEC.srcAddress + 1);
    if (protocol === 'tcp') {
      expect(tcpChecksumOk(frame, 14)).toBe(true);
      expect([tcpSrcPort(frame, 34), tcpDstPort(frame, 34), tcpHeaderBytes(frame, 34)]).toEqual([1025, 9, 20]);
    } else {
      expect(icmpChecksumOk(frame, 34, frame.length - 34)).toBe(true);
      expect(icmpType(frame, 34)).toBe(8);
    }
    expect(judge(frame)).toBe(TEST_FRAME_INTACT);
    expect(reader).toMatchObject({ stream: 7, seq: 2 ** 40 + 5, sendNs: 2 ** 41 + 3, sourcePort: 1025 });
  });

  it('survive what routers and translators do, and nothing else', () => {
    const frame = sent(protocol, 2);
    decrementTtl(frame, 14);
    rewriteSource(frame, 14, parseIpv4('203.0.113.5'), 4000);
    expect(judge(frame)).toBe(TEST_FRAME_INTACT);
    expect(reader.sourcePort).toBe(4000);
    for (let at = 14; at < frame.length; at += 1) {
      const damaged = frame.slice();
      damaged[at] ^= 0x10;
      expect([at, judge(damaged)]).not.toEqual([at, TEST_FRAME_INTACT]);
    }
    expect(judge(frame.subarray(0, 1000))).toBe(TEST_FRAME_CORRUPT);
    expect(judge(frame.subarray(0, 59))).toBe(TEST_FRAME_FOREIGN);
  });
});

it('an answered echo is as good as the request', () => {
  const frame = sent('icmp', 1);
  turnIntoEchoReply(frame, 34, frame.length - 34);
  expect(judge(frame)).toBe(TEST_FRAME_INTACT);
});
