import { describe, expect, it } from 'vitest';
import { PcapngWriter } from '../../src/net/pcapng-writer.ts';

const section = '0a0d0d0a 2c000000 4d3c2b1a 01000000 ffffffff ffffffff 04000800 76686f73746c6162 00000000 2c000000';
const nic =
  '01000000 3c000000 01000000 00000000 02000400 6e696330 03000200 52580000 ' +
  '09000100 09000000 0e000800 0300000000000000 00000000 3c000000';

describe('pcapng writer', () => {
  it('writes these bytes for a frame with a comment and the statistics', () => {
    const chunks: Uint8Array[] = [];
    const sink = (chunk: Uint8Array): number => chunks.push(chunk.slice());
    const writer = new PcapngWriter({ sink, application: 'vhostlab', epochNs: 3_000_000_007n });
    expect(writer.addInterface('nic0', 'RX', 0)).toBe(0);
    writer.writeFrame(0, 2 ** 32, Uint8Array.of(0, 0xaa, 0xbb, 0xcc), 1, 3, 60, 'drop');
    writer.writeFrame(0, 1, Uint8Array.of(1), 0, 1, 1);
    writer.writeInterfaceStatistics(0, 2, 258, 1);
    expect(chunks).toEqual([]);
    writer.flush();
    writer.flush();
    expect(chunks.length).toBe(1);
    const frame =
      '06000000 30000000 00000000 01000000 07000000 03000000 3c000000 aabbcc00 01000400 64726f70 00000000 30000000';
    const plain = '06000000 24000000 00000000 00000000 08000000 01000000 01000000 01000000 24000000';
    const statistics =
      '05000000 34000000 00000000 00000000 09000000 04000800 0201000000000000 05000800 0100000000000000 00000000 34000000';
    expect(Buffer.from(chunks[0]).toString('hex')).toBe(
      [section, nic, frame, plain, statistics].join('').replaceAll(' ', ''),
    );
  });

  it('hands over whole blocks when its buffer is full, and nothing is lost', () => {
    const lengths: number[] = [];
    const sink = (chunk: Uint8Array): number => lengths.push(chunk.length);
    const writer = new PcapngWriter({ sink, application: 'a', epochNs: 0n });
    writer.addInterface('i', '', 0);
    // Section header 24 + option 8, interface 16 + options 8 + 8 + 12; each ends with 4 of options and 4 of length.
    const headBytes = 24 + 8 + 8 + (16 + 8 + 8 + 12 + 8);
    const blockBytes = 28 + 1516 + 4;
    for (let i = 0; i < 1000; i += 1) writer.writeFrame(0, i, new Uint8Array(1514), 0, 1514, 1514);
    writer.flush();
    const total = lengths.reduce((sum, length) => sum + length, 0);
    expect(total).toBe(headBytes + 1000 * blockBytes);
    expect(lengths.length).toBeGreaterThan(5);
    for (const length of lengths.slice(1)) expect(length % blockBytes).toBe(0);
  });

  it('refuses a frame of an interface that was never described, and one that is too long', () => {
    const writer = new PcapngWriter({ sink: () => undefined, application: 'a', epochNs: 0n });
    expect(() => writer.writeFrame(0, 0, new Uint8Array(4), 0, 4, 4)).toThrow('interface 0 has not been added');
    writer.addInterface('i', '', 0);
    expect(() => writer.writeFrame(0, 0, new Uint8Array(300_000), 0, 300_000, 300_000)).toThrow('at most 262144');
    expect(() => writer.writeFrame(0, 0, new Uint8Array(4), 0, 4, 4, 'x'.repeat(70_000))).toThrow(
      'comment is too long',
    );
  });
});
