import { expect, test } from 'vitest';
import { GuestMemory, regionBounds } from '../../../src/virtio/guest/guest-memory.ts';
import {
  availEventByte,
  availRingBytes,
  descTableBytes,
  isQueueSize,
  splitLayoutAt,
  splitLayoutFault,
  splitRingBytes,
  usedEventByte,
  usedRingBytes,
} from '../../../src/virtio/ring/split-layout.ts';

test('part sizes are those of VIRTIO 2.7 for 256 entries', () => {
  expect(descTableBytes(256)).toBe(4096);
  expect(availRingBytes(256)).toBe(518);
  expect(usedRingBytes(256)).toBe(2054);
  expect(usedEventByte(256)).toBe(516);
  expect(availEventByte(256)).toBe(2052);
});

test('parts follow one another, the used ring aligned to 4', () => {
  expect(splitLayoutAt(0x4000, 256)).toEqual({ queueSize: 256, descAddr: 0x4000, availAddr: 0x5000, usedAddr: 0x5208 });
  expect(splitRingBytes(256)).toBe(0x1208 + 2054);
  expect(splitLayoutAt(0, 1)).toEqual({ queueSize: 1, descAddr: 0, availAddr: 16, usedAddr: 24 });
});

test('a wider alignment keeps what the device writes on lines of its own', () => {
  expect(splitLayoutAt(0, 256, 128).usedAddr).toBe(4736);
  expect(splitRingBytes(256, 128)).toBe(4736 + 2054);
});

test('queue sizes are powers of two up to 32768', () => {
  expect([1, 2, 256, 32768].every(isQueueSize)).toBe(true);
  expect([0, -2, 3, 255, 65536].some(isQueueSize)).toBe(false);
});

test('a layout is refused by size, alignment and bounds, each in words', () => {
  const good = splitLayoutAt(0, 8);
  expect(splitLayoutFault(good, 4096)).toBeNull();
  expect(splitLayoutFault({ ...good, queueSize: 6 }, 4096)).toContain('queue size 6');
  expect(splitLayoutFault({ ...good, descAddr: 8 }, 4096)).toContain('descriptor table at 0x8 is not aligned to 16');
  expect(splitLayoutFault({ ...good, availAddr: 129 }, 4096)).toContain('available ring');
  expect(splitLayoutFault({ ...good, usedAddr: 4096 - 68 }, 4096)).toContain('used ring at 0xfbc+70 lies outside');
});

test('guest memory must fit signed 32-bit addresses', () => {
  expect(() => new GuestMemory(new SharedArrayBuffer(6))).toThrow(/multiple of 4/);
  expect(new GuestMemory(new SharedArrayBuffer(8)).wholeRegion()).toEqual({ addr: 0, sizeBytes: 8 });
});

test('adjacent regions merge, overlaps and strays are named', () => {
  const pairs = (...regions: [number, number][]) =>
    regionBounds(
      regions.map(([addr, sizeBytes]) => ({ addr, sizeBytes })),
      0x1000,
    );
  expect(pairs([0x800, 0x100], [0, 0x400], [0x400, 0x100])).toEqual(Int32Array.of(0, 0x500, 0x800, 0x900));
  expect(pairs([0, 0x400], [0x3ff, 1])).toContain('overlaps');
  expect(pairs([0xf00, 0x101])).toContain('outside');
  expect(pairs([0, 0])).toContain('outside');
});
