import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { parseCapture, readCaptureFile } from '../../../src/net/capture/capture-file.ts';
import { capturedFrame, CaptureFileError, WHOLE_CAPTURE } from '../../../src/net/capture/capture.ts';
import type { Capture, CaptureLimits } from '../../../src/net/capture/capture.ts';
import { describeLinkType } from '../../../src/net/capture/link-types.ts';
import { ByteList, pcapBytes, pcapngBlock, pcapngOptions, pcapngSection } from '../../support/capture-bytes.ts';

const frameA = Array.from({ length: 60 }, (_, i) => i);
const frameB = Array.from({ length: 61 }, (_, i) => 255 - i);

const framesOf = (capture: Capture): number[][] =>
  Array.from({ length: capture.frameCount }, (_, i) => [...capturedFrame(capture, i)]);
const firstOf = (capture: Capture, column: ArrayLike<number>): number[] =>
  Array.from(column).slice(0, capture.frameCount);

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
    expect(firstOf(capture, capture.originalLengths)).toEqual([60, 1514]);
    expect(capture.firstTimeNs).toBe(1_700_000_000_000_005_000n);
    expect(firstOf(capture, capture.timestampsNs)).toEqual([0, 999_999_000]);
    expect(firstOf(capture, capture.interfaceIds)).toEqual([0, 0]);
  });

  it('is read with nanoseconds', () => {
    const capture = parseCapture(pcapBytes(frames, little, 0xa1b23c4d), 'x.pcap');
    expect(capture.firstTimeNs).toBe(1_700_000_000_000_000_005n);
    expect(firstOf(capture, capture.timestampsNs)).toEqual([0, 999_999_999]);
  });

  it('loses its FCS when the header says that there is one', () => {
    const capture = parseCapture(pcapBytes(frames, little, 0xa1b2c3d4, 0x2400_0001), 'x.pcap');
    expect(firstOf(capture, capture.lengths)).toEqual([56, 61]);
    expect(firstOf(capture, capture.originalLengths)).toEqual([56, 1510]);
  });

  it('may be empty', () => {
    expect(parseCapture(pcapBytes([], little), 'x.pcap').frameCount).toBe(0);
  });

  it.each([
    ['in a frame header', 24 + 10, 'the frame header at byte 24, after 0 whole frames'],
    ['in a frame', 24 + 16 + 59, 'the frame at byte 24, after 0 whole frames'],
    ['in the second frame', 24 + 16 + 60 + 16 + 3, 'the frame at byte 100, after 1 whole frames'],
  ])('cut %s ends before it, with a warning', (_where, length, where) => {
    const capture = parseCapture(pcapBytes(frames, little).subarray(0, length), 'x.pcap');
    expect(framesOf(capture)).toEqual([frameA].slice(0, length < 100 ? 0 : 1));
    expect(capture.warnings).toEqual([`the file is cut off: it ends within ${where}`]);
  });

  it('ends where the reader has enough', () => {
    const three = pcapBytes([...frames, { seconds: 1_700_000_002, fraction: 5, bytes: frameA }], little);
    const read = (limits: Partial<CaptureLimits>): number =>
      parseCapture(three, 'x.pcap', { ...WHOLE_CAPTURE, ...limits }).frameCount;
    expect([read({}), read({ frames: 2 }), read({ timeNs: 2e9 }), read({ timeNs: 2e9 + 1 })]).toEqual([3, 2, 2, 3]);
    expect(parseCapture(three.subarray(0, 110), 'x.pcap', { ...WHOLE_CAPTURE, frames: 1 }).warnings).toEqual([]);
  });

  it('of another version or impossible length is refused', () => {
    expect(() => parseCapture(pcapBytes(frames, little).subarray(0, 20), 'x.pcap')).toThrow(
      'x.pcap: byte 0: pcap file header needs 24 bytes, 20 are left',
    );
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
    expect(firstOf(capture, capture.originalLengths)).toEqual([60, 1514, 60]);
    expect(capture.firstTimeNs).toBe(1_700_000_000_000_001_000n);
    expect(firstOf(capture, capture.timestampsNs)).toEqual([0, -1, 499_999_000]);
    expect(firstOf(capture, capture.interfaceIds)).toEqual([0, 1, 2]);
    expect(capture.interfaceNames).toEqual(['nic0', 'tap0', '']);
  });

  it('gives simple packets no time and cuts them at the snap length', () => {
    const spb = pcapngBlock(little, 3, new ByteList(little).u32(1514).raw(frameA).bytes);
    const capture = parseCapture(fileOf(idb(1, 60, []), spb, epb(0, seconds, frameB)), 'x.pcapng');
    expect(framesOf(capture)).toEqual([frameA, frameB]);
    expect(firstOf(capture, capture.originalLengths)).toEqual([1514, 61]);
    expect(firstOf(capture, capture.timestampsNs)).toEqual([NaN, 0]);
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
    expect(firstOf(capture, capture.lengths)).toEqual([56, 58, 58]);
    expect(firstOf(capture, capture.originalLengths)).toEqual([56, 58, 58]);
  });

  it('may change byte order and interfaces with a new section', () => {
    const other = pcapngSection(!little);
    const otherIdb = pcapngBlock(!little, 1, new ByteList(!little).u16(1, 0).u32(0).bytes);
    const otherEpb = pcapngBlock(!little, 6, new ByteList(!little).u32(0, 0, 7, 60, 60).raw(frameA).bytes);
    const capture = parseCapture(fileOf(idb(1, 0, []), epb(0, 5n, frameB), other, otherIdb, otherEpb), 'x.pcapng');
    expect(framesOf(capture)).toEqual([frameB, frameA]);
    expect(firstOf(capture, capture.interfaceIds)).toEqual([0, 1]);
    expect(firstOf(capture, capture.timestampsNs)).toEqual([0, 2000]);
  });

  it('counts frames of link types that cannot be replayed', () => {
    const file = fileOf(idb(127, 0, []), idb(1, 0, []), epb(0, 1n, frameB), epb(1, 1n, frameA), epb(0, 1n, frameB));
    const capture = parseCapture(file, 'x.pcapng');
    expect(framesOf(capture)).toEqual([frameA]);
    expect(capture.skipped).toEqual([{ linkType: 127, frames: 2 }]);
  });

  it('tells which frames were received and which were sent', () => {
    const flags = (bits: number): number[] => pcapngOptions(little, [[2, new ByteList(little).u32(bits).bytes]]);
    const file = fileOf(idb(1, 0, []), ...[0, 1, 2, 3].map((bits) => epb(0, 1n, frameA, 60, flags(bits))));
    expect([...parseCapture(file, 'x.pcapng').marks.subarray(0, 4)]).toEqual([0, 1, 2, 0]);
  });

  it('that is cut ends before the block, with a warning', () => {
    const whole = fileOf(idb(1, 0, []), epb(0, 1n, frameA), epb(0, 1n, frameB));
    for (const length of [whole.length - 1, 52 + 92 + 8]) {
      const capture = parseCapture(whole.subarray(0, length), 'x.pcapng');
      expect(framesOf(capture)).toEqual([frameA]);
      expect(capture.warnings).toEqual([
        'the file is cut off: it ends within the block at byte 144, after 1 whole frames',
      ]);
    }
  });

  it('that is corrupt is refused with the place', () => {
    const whole = fileOf(idb(1, 0, []), epb(0, 1n, frameA));
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

describe('link types', () => {
  const ip = [0x45, 0, 0, 20, ...new Array<number>(16).fill(7)];
  const ip6 = [0x60, ...new Array<number>(39).fill(7)];
  const sll = (type: number, protocol: number): number[] => [
    0,
    type,
    0,
    1,
    0,
    6,
    1,
    2,
    3,
    4,
    5,
    6,
    0,
    0,
    protocol >> 8,
    protocol & 0xff,
  ];
  const sll2 = (type: number, protocol: number): number[] => [
    protocol >> 8,
    protocol & 0xff,
    0,
    0,
    0,
    0,
    0,
    9,
    0,
    1,
    type,
    6,
    1,
    2,
    3,
    4,
    5,
    6,
    0,
    0,
  ];
  const read = (linkType: number, bytes: number[]): Capture =>
    parseCapture(pcapBytes([{ seconds: 1, fraction: 0, bytes }], true, 0xa1b2c3d4, linkType), 'x.pcap');
  const header = (type: number, first = 0): number[] => [
    ...new Array<number>(6).fill(first),
    ...new Array<number>(6).fill(0),
    type >> 8,
    type & 0xff,
  ];

  it.each([
    ['RAW, IPv4', 101, ip, header(0x0800), ip, 0],
    ['RAW, IPv6', 12, ip6, header(0x86dd), ip6, 0],
    ['NULL of a little-endian machine', 0, [2, 0, 0, 0, ...ip], header(0x0800), ip, 0],
    ['NULL of a big-endian machine', 0, [0, 0, 0, 30, ...ip6], header(0x86dd), ip6, 0],
    ['LOOP', 108, [0, 0, 0, 2, ...ip], header(0x0800), ip, 0],
    ['SLL, received', 113, [...sll(0, 0x0800), ...ip], header(0x0800), ip, 1],
    ['SLL, broadcast', 113, [...sll(1, 0x0806), ...ip], header(0x0806, 0xff), ip, 5],
    ['SLL2, sent', 276, [...sll2(4, 0x0800), ...ip], header(0x0800), ip, 2],
    ['IPv4', 228, ip, header(0x0800), ip, 0],
  ])('%s becomes Ethernet', (_name, linkType, bytes, first, rest, marks) => {
    const capture = read(linkType, bytes);
    expect(framesOf(capture)).toEqual([[...first, ...rest]]);
    expect([capture.originalLengths[0], capture.marks[0]]).toEqual([14 + rest.length, marks]);
  });

  it.each([
    ['a frame that is cut within its header', 113, [0, 0, 0, 1]],
    ['a protocol that is no EtherType', 113, [...sll(0, 4), ...ip]],
    ['an address family that is not IP', 0, [0, 0, 0, 17, ...ip]],
    ['another link type', 105, ip],
  ])('%s is counted', (_name, linkType, bytes) => {
    const capture = read(linkType, bytes);
    expect([capture.frameCount, capture.skipped]).toEqual([0, [{ linkType, frames: 1 }]]);
  });

  it('that are not replayed are named, with what converts them', () => {
    expect(describeLinkType(127)).toEqual({
      name: 'Wi-Fi with a radiotap header (link type 127)',
      remedy: expect.stringContaining('airdecap-ng') as string,
    });
    expect(describeLinkType(9999).name).toBe('of no type known here (link type 9999)');
  });
});

describe('packed captures', () => {
  const plain = pcapBytes(
    Array.from({ length: 3000 }, (_, seconds) => ({ seconds, fraction: 0, bytes: frameA })),
    true,
  );
  const hasZstd = spawnSync('zstd', ['--version']).status === 0;
  const zstd = (content: Uint8Array): Uint8Array =>
    spawnSync('zstd', ['-c'], { input: content, maxBuffer: 2 ** 24 }).stdout;

  it('are unpacked from gzip', () => {
    expect(parseCapture(gzipSync(plain), 'x').frameCount).toBe(3000);
    const cut = parseCapture(gzipSync(plain).subarray(0, 900), 'x');
    expect(cut.frameCount).toBeLessThan(3000);
    expect(cut.warnings).toHaveLength(1);
  });

  it.skipIf(!hasZstd)('are unpacked from zstd', () => {
    const packed = zstd(plain);
    expect(parseCapture(packed, 'x').frameCount).toBe(3000);
    expect(() => parseCapture(packed.subarray(0, packed.length >> 1), 'x')).toThrow(/cut off|damaged/);
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
    ['the beginning of a packed file', [0x1f, 0x8b, 8, 0], 'byte 0: packed, and cut off before anything'],
    ['packed and damaged', [0x1f, 0x8b, 9, 0, 0, 0, 0, 0, 0, 0, 0], 'byte 0: packed with gzip, and damaged: '],
    ['packed with xz', [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0], 'byte 0: packed with xz: "xz -dc FILE'],
    ['a snoop file', ascii('snoop\0\0\0'), 'byte 0: a snoop file: "editcap FILE OUT"'],
    ['a modified pcap file', [0x34, 0xcd, 0xb2, 0xa1, 2, 0], 'byte 0: a modified pcap file (Kuznetzov): "editcap'],
  ])('that is %s is refused', (_what, bytes, message) => {
    const read = (): Capture => parseCapture(Uint8Array.from(bytes), 'x');
    expect(read).toThrow(message);
    expect(read).toThrow(CaptureFileError);
  });
});
