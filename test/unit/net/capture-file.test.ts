import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseCapture, readCaptureFile } from '../../../src/net/capture/capture-file.ts';
import { CaptureFileError, type Capture } from '../../../src/net/capture/capture.ts';
import { ByteList, pcapBytes, pcapngBlock, pcapngOptions, pcapngSection } from '../../support/capture-bytes.ts';

const frameA = Array.from({ length: 60 }, (_, i) => i);
const frameB = Array.from({ length: 61 }, (_, i) => 255 - i);

const framesOf = (capture: Capture): number[][] =>
  Array.from({ length: capture.frameCount }, (_, i) => [
    ...capture.frames.subarray(capture.offsets[i], capture.offsets[i] + capture.lengths[i]),
  ]);

const ascii = (text: string): number[] => [...Buffer.from(text)];

describe.each([
  ['little-endian', true],
  ['big-endian', false],
])('%s pcap', (_, little) => {
  const frames = [
    { seconds: 1_700_000_000, fraction: 5, bytes: frameA },
    { seconds: 1_700_000_001, fraction: 4, bytes: frameB, original: 1514 },
  ];

  it('is read with microseconds', () => {
    const capture = parseCapture(pcapBytes(frames, little), 'x.pcap');
    expect(capture.format).toBe('pcap');
    expect(framesOf(capture)).toEqual([frameA, frameB]);
    expect([...capture.originalLengths]).toEqual([60, 1514]);
    expect(capture.firstTimeNs).toBe(1_700_000_000_000_005_000n);
    expect([...capture.timestampsNs]).toEqual([0, 999_999_000]);
    expect([...capture.interfaceIds]).toEqual([0, 0]);
    expect(capture.frames.buffer).toBeInstanceOf(SharedArrayBuffer);
  });

  it('is read with nanoseconds', () => {
    const capture = parseCapture(pcapBytes(frames, little, 0xa1b23c4d), 'x.pcap');
    expect(capture.firstTimeNs).toBe(1_700_000_000_000_000_005n);
    expect([...capture.timestampsNs]).toEqual([0, 999_999_999]);
  });

  it('loses its FCS when the header says that there is one', () => {
    const capture = parseCapture(pcapBytes(frames, little, 0xa1b2c3d4, 0x2400_0001), 'x.pcap');
    expect([...capture.lengths]).toEqual([56, 61]);
    expect([...capture.originalLengths]).toEqual([56, 1510]);
  });

  it('may be empty', () => {
    expect(parseCapture(pcapBytes([], little), 'x.pcap').frameCount).toBe(0);
  });

  it.each([
    ['in the file header', 20, 'x.pcap: byte 0: pcap file header needs 24 bytes, 20 are left'],
    ['in a frame header', 24 + 10, 'x.pcap: byte 24: frame header needs 16 bytes, 10 are left'],
    ['in a frame', 24 + 16 + 59, 'x.pcap: byte 40: frame needs 60 bytes, 59 are left'],
  ])('cut %s is refused with the place', (_where, length, message) => {
    expect(() => parseCapture(pcapBytes(frames, little).subarray(0, length), 'x.pcap')).toThrow(message);
  });

  it('of another link type, version or impossible length is refused', () => {
    expect(() => parseCapture(pcapBytes([], little, 0xa1b2c3d4, 113), 'x.pcap')).toThrow('byte 20: link type 113');
    const version = pcapBytes([], little);
    version.set(little ? [1, 0] : [0, 1], 4);
    expect(() => parseCapture(version, 'x.pcap')).toThrow('byte 4: pcap version 1.4');
    const corrupt = pcapBytes(frames, little);
    corrupt.set([0xff, 0xff, 0xff, 0xff], 24 + 8);
    expect(() => parseCapture(corrupt, 'x.pcap')).toThrow('byte 24: frame of 4294967295 bytes');
  });
});

describe.each([
  ['little-endian', true],
  ['big-endian', false],
])('%s pcapng', (_, little) => {
  const idb = (linkType: number, snap: number, options: [number, number[]][]): number[] =>
    pcapngBlock(little, 1, new ByteList(little).u16(linkType, 0).u32(snap).raw(pcapngOptions(little, options)).bytes);
  const epb = (id: number, ticks: bigint, bytes: number[], original = bytes.length, options: number[] = []): number[] =>
    pcapngBlock(
      little,
      6,
      new ByteList(little)
        .u32(id, Number(ticks >> 32n), Number(ticks & 0xffff_ffffn), bytes.length, original)
        .raw(bytes)
        .pad()
        .raw(options).bytes,
    );
  const fileOf = (...blocks: number[][]): Uint8Array => Uint8Array.from([pcapngSection(little), ...blocks].flat());
  const seconds = 1_700_000_000n;

  it('is read over several interfaces with their own resolutions and offsets', () => {
    const offset = new ByteList(little).u32(...(little ? [1_700_000_000, 0] : [0, 1_700_000_000])).bytes;
    const capture = parseCapture(
      fileOf(
        idb(1, 0, [[2, ascii('nic0')]]),
        idb(1, 0, [
          [2, ascii('tap0')],
          [9, [9]],
        ]),
        idb(1, 0, [
          [9, [0x80 | 20]],
          [14, offset],
        ]),
        epb(0, seconds * 1_000_000n + 1n, frameA),
        epb(1, seconds * 1_000_000_000n + 999n, frameB, 1514),
        pcapngBlock(little, 0x0bad, [1, 2, 3]),
        epb(2, 1n << 19n, frameA),
      ),
      'x.pcapng',
    );
    expect(capture.format).toBe('pcapng');
    expect(framesOf(capture)).toEqual([frameA, frameB, frameA]);
    expect([...capture.originalLengths]).toEqual([60, 1514, 60]);
    expect(capture.firstTimeNs).toBe(1_700_000_000_000_001_000n);
    expect([...capture.timestampsNs]).toEqual([0, -1, 499_999_000]);
    expect([...capture.interfaceIds]).toEqual([0, 1, 2]);
    expect(capture.interfaceNames).toEqual(['nic0', 'tap0', '']);
  });

  it('gives simple packets no time and cuts them at the snap length', () => {
    const spb = pcapngBlock(little, 3, new ByteList(little).u32(1514).raw(frameA).bytes);
    const capture = parseCapture(fileOf(idb(1, 60, []), spb, epb(0, seconds, frameB)), 'x.pcapng');
    expect(framesOf(capture)).toEqual([frameA, frameB]);
    expect([...capture.originalLengths]).toEqual([1514, 61]);
    expect([...capture.timestampsNs]).toEqual([NaN, 0]);
  });

  it('reads the obsolete packet block', () => {
    const body = new ByteList(little).u16(1, 77).u32(0, 9, 60, 60).raw(frameA).bytes;
    const capture = parseCapture(fileOf(idb(1, 0, []), idb(1, 0, []), pcapngBlock(little, 2, body)), 'x.pcapng');
    expect(framesOf(capture)).toEqual([frameA]);
    expect([capture.interfaceIds[0], capture.firstTimeNs]).toEqual([1, 9000n]);
  });

  it('takes off the FCS that interface or packet flags declare', () => {
    const flags = pcapngOptions(little, [[2, new ByteList(little).u32(2 << 5).bytes]]);
    const capture = parseCapture(
      fileOf(idb(1, 0, [[13, [32]]]), epb(0, 1n, frameA), epb(0, 1n, frameA, 60, flags), epb(0, 1n, frameA, 62)),
      'x.pcapng',
    );
    expect([...capture.lengths]).toEqual([56, 58, 58]);
    expect([...capture.originalLengths]).toEqual([56, 58, 58]);
  });

  it('may change byte order and interfaces with a new section', () => {
    const other = pcapngSection(!little);
    const otherIdb = pcapngBlock(!little, 1, new ByteList(!little).u16(1, 0).u32(0).bytes);
    const otherEpb = pcapngBlock(!little, 6, new ByteList(!little).u32(0, 0, 7, 60, 60).raw(frameA).bytes);
    const capture = parseCapture(fileOf(idb(1, 0, []), epb(0, 5n, frameB), other, otherIdb, otherEpb), 'x.pcapng');
    expect(framesOf(capture)).toEqual([frameB, frameA]);
    expect([...capture.interfaceIds]).toEqual([0, 1]);
    expect([...capture.timestampsNs]).toEqual([0, 2000]);
  });

  it('accepts interfaces of other link types as long as no packet comes from them', () => {
    expect(parseCapture(fileOf(idb(113, 0, []), idb(1, 0, []), epb(1, 1n, frameA)), 'x.pcapng').frameCount).toBe(1);
    expect(() => parseCapture(fileOf(idb(113, 0, []), epb(0, 1n, frameA)), 'x.pcapng')).toThrow(
      /byte 60: .*link type 113/,
    );
  });

  it('that is cut or corrupt is refused with the place', () => {
    const whole = fileOf(idb(1, 0, []), epb(0, 1n, frameA));
    expect(() => parseCapture(whole.subarray(0, whole.length - 1), 'x.pcapng')).toThrow(
      'x.pcapng: byte 52: block needs 92 bytes, 91 are left',
    );
    expect(() => parseCapture(whole.subarray(0, 60), 'x.pcapng')).toThrow('byte 52: block needs 12 bytes, 8 are left');
    const repeated = whole.slice();
    repeated.fill(0, whole.length - 4);
    expect(() => parseCapture(repeated, 'x.pcapng')).toThrow(
      `byte ${whole.length - 4}: block length 92 is repeated as 0`,
    );
    const odd = whole.slice();
    odd.set(new ByteList(little).u32(93).bytes, 56);
    expect(() => parseCapture(odd, 'x.pcapng')).toThrow('byte 56: block length 93 is impossible');
    const long = whole.slice();
    long.set(new ByteList(little).u32(61 + 4).bytes, 52 + 20);
    expect(() => parseCapture(long, 'x.pcapng')).toThrow('byte 80: frame needs 65 bytes, 60 are left');
    expect(() => parseCapture(fileOf(epb(0, 1n, frameA)), 'x.pcapng')).toThrow(
      'byte 36: packet of interface 0, but 0 are',
    );
    const magic = whole.slice();
    magic.fill(0, 8, 12);
    expect(() => parseCapture(magic, 'x.pcapng')).toThrow('byte 8: no byte-order magic');
    const version = whole.slice();
    version.set(new ByteList(little).u16(2).bytes, 12);
    expect(() => parseCapture(version, 'x.pcapng')).toThrow('byte 12: pcapng version 2');
  });
});

describe('capture file', () => {
  it('is read from disk, where the content and not the name decides the format', () => {
    const directory = mkdtempSync(join(tmpdir(), 'vhostlab-capture-'));
    try {
      const path = join(directory, 'traffic.pcapng');
      writeFileSync(path, pcapBytes([{ seconds: 1, fraction: 0, bytes: frameA }], true));
      const capture = readCaptureFile(path);
      expect([capture.format, capture.fileName, capture.frameCount]).toEqual(['pcap', path, 1]);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it.each([
    ['an empty file', [], 'byte 0: neither a pcap nor a pcapng file'],
    ['text', ascii('hello, world'), 'byte 0: neither a pcap nor a pcapng file'],
    ['a compressed file', [0x1f, 0x8b, 8, 0], 'byte 0: compressed with gzip'],
  ])('that is %s is refused', (_what, bytes, message) => {
    const read = (): Capture => parseCapture(Uint8Array.from(bytes), 'x');
    expect(read).toThrow(message);
    expect(read).toThrow(CaptureFileError);
  });
});
