import { expect, test } from 'vitest';
import {
  EVENT_FLAGS_DESC,
  EVENT_FLAGS_DISABLE,
  isPackedQueueSize,
  PACKED_AVAIL,
  PACKED_USED,
  packedLayoutAt,
  packedLayoutFault,
  packedRingBytes,
} from '../../../src/virtio/ring/packed-layout.ts';

test('AVAIL and USED are bits 7 and 15 of the flags, which lie above the buffer id', () => {
  expect([PACKED_AVAIL >>> 16, PACKED_USED >>> 16]).toEqual([0x80, 0x8000]);
  expect([EVENT_FLAGS_DISABLE >>> 16, EVENT_FLAGS_DESC >>> 16]).toEqual([1, 2]);
});

test('ring and event suppression structures follow one another', () => {
  expect(packedLayoutAt(0x4000, 256)).toEqual({
    queueSize: 256,
    descAddr: 0x4000,
    availAddr: 0x5000,
    usedAddr: 0x5004,
  });
  expect(packedRingBytes(256)).toBe(0x1008);
  expect(packedLayoutAt(0, 5, 128)).toEqual({ queueSize: 5, descAddr: 0, availAddr: 128, usedAddr: 256 });
  expect(packedRingBytes(5, 128)).toBe(260);
});

test('queue sizes are any number up to 32768', () => {
  expect([1, 3, 255, 32768].every(isPackedQueueSize)).toBe(true);
  expect([0, -2, 1.5, 32769].some(isPackedQueueSize)).toBe(false);
});

test('a layout is refused by size, alignment and bounds, each in words', () => {
  const good = packedLayoutAt(0, 8);
  expect(packedLayoutFault(good, 136)).toBeNull();
  expect(packedLayoutFault({ ...good, queueSize: 0 }, 136)).toMatch(/queue size 0 is not between 1 and 32768/);
  expect(packedLayoutFault({ ...good, descAddr: 8 }, 4096)).toMatch(/descriptor ring at 0x8 is not aligned to 16/);
  expect(packedLayoutFault({ ...good, availAddr: 130 }, 4096)).toMatch(/driver event suppression .* aligned to 4/);
  expect(packedLayoutFault(good, 135)).toMatch(/device event suppression at 0x84\+4 lies outside guest memory/);
});
