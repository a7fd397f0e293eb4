import { describe, expect, it } from 'vitest';
import { parseIpv4 } from '../../src/net/address.ts';
import { RSS_KEY_BYTES, RSS_MICROSOFT_KEY, ToeplitzHash } from '../../src/net/flow-hash.ts';
import { writeU16, writeU32 } from '../../src/net/network-order.ts';

// Microsoft, "Verifying the RSS hash calculation": destination, source, hash of addresses, hash with ports.
const vectors: [string, number, string, number, number, number][] = [
  ['161.142.100.80', 1766, '66.9.149.187', 2794, 0x323e8fc2, 0x51ccc178],
  ['65.69.140.83', 4739, '199.92.111.2', 14230, 0xd718262a, 0xc626b0ea],
  ['12.22.207.184', 38024, '24.19.198.95', 12898, 0xd2d0a5de, 0x5c2b394a],
  ['209.142.163.6', 2217, '38.27.205.30', 48228, 0x82989176, 0xafc7327f],
  ['202.188.127.2', 1303, '153.39.163.191', 44251, 0x5d1809c5, 0x10e828a2],
];

function frameOf(
  src: string,
  dst: string,
  srcPort: number,
  dstPort: number,
  protocol: number,
  ipWords = 5,
): Uint8Array {
  const frame = new Uint8Array(60);
  writeU16(frame, 12, 0x0800);
  frame[14] = 0x40 | ipWords;
  frame[23] = protocol;
  writeU32(frame, 26, parseIpv4(src));
  writeU32(frame, 30, parseIpv4(dst));
  writeU16(frame, 14 + ipWords * 4, srcPort);
  writeU16(frame, 16 + ipWords * 4, dstPort);
  return frame;
}

describe('Toeplitz hash', () => {
  const toeplitz = new ToeplitzHash();

  it.each(vectors)('matches the published vector of %s:%i', (dst, dstPort, src, srcPort, addresses, ports) => {
    for (const ipWords of [5, 7]) {
      const tcp = frameOf(src, dst, srcPort, dstPort, 6, ipWords);
      expect(toeplitz.hashAddresses(tcp, 14) >>> 0).toBe(addresses);
      expect(toeplitz.hashAddressesAndPorts(tcp, 14, 14 + ipWords * 4) >>> 0).toBe(ports);
      expect(toeplitz.hashFrame(tcp, 0, 60) >>> 0).toBe(ports);
      expect(toeplitz.hashFrame(frameOf(src, dst, srcPort, dstPort, 17, ipWords), 0, 60) >>> 0).toBe(ports);
      expect(toeplitz.hashFrame(frameOf(src, dst, srcPort, dstPort, 1, ipWords), 0, 60) >>> 0).toBe(addresses);
    }
  });

  it('uses the addresses only for fragments, the first included, and for frames cut before the ports', () => {
    const [dst, dstPort, src, srcPort, addresses] = vectors[0];
    const frame = frameOf(src, dst, srcPort, dstPort, 17);
    frame[20] = 0x20;
    expect(toeplitz.hashFrame(frame, 0, 60) >>> 0).toBe(addresses);
    frame[20] = 0;
    frame[21] = 1;
    expect(toeplitz.hashFrame(frame, 0, 60) >>> 0).toBe(addresses);
    expect(toeplitz.hashFrame(frameOf(src, dst, srcPort, dstPort, 17), 0, 37) >>> 0).toBe(addresses);
  });

  it('is zero for what is not IPv4', () => {
    const frame = frameOf('10.0.0.1', '10.0.0.2', 1, 2, 17);
    expect(toeplitz.hashFrame(frame, 0, 33)).toBe(0);
    frame[14] = 0x65;
    expect(toeplitz.hashFrame(frame, 0, 60)).toBe(0);
    frame.set([0x08, 0x06], 12);
    expect(toeplitz.hashFrame(frame, 0, 60)).toBe(0);
  });

  it('wants a whole key', () => {
    expect(RSS_MICROSOFT_KEY.length).toBe(RSS_KEY_BYTES);
    expect(() => new ToeplitzHash(new Uint8Array(39))).toThrow('RSS key has 39 bytes');
  });
});
