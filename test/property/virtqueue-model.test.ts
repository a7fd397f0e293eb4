import fc from 'fast-check';
import { expect, test } from 'vitest';
import { needEvent } from '../../src/virtio/ring/event-suppression.ts';
import {
  featureSet,
  VIRTIO_F_EVENT_IDX,
  VIRTIO_F_INDIRECT_DESC,
  VIRTIO_F_RING_PACKED,
} from '../../src/virtio/net/features.ts';
import { isPacked } from '../../src/virtio/ring/ring-format.ts';
import { GuestMemory } from '../../src/virtio/guest/guest-memory.ts';
import { DIRECTION_ANY, DIRECTION_DEVICE_READS, DIRECTION_DEVICE_WRITES } from '../../src/virtio/ring/device-chain.ts';
import { SplitDeviceQueue } from '../../src/virtio/ring/split-device.ts';
import { PackedDeviceQueue } from '../../src/virtio/ring/packed-device.ts';
import { PACKED_START_BASE } from '../../src/virtio/ring/packed-layout.ts';
import { MOCK_LAYOUT, MOCK_MEMORY_BYTES } from '../support/mock-driver.ts';
import {
  AVAIL,
  MOCK_PACKED_LAYOUT,
  MOCK_PACKED_MEMORY_BYTES,
  MockPackedDriver,
} from '../support/mock-packed-driver.ts';
import { COMMANDS, emptyModel, Ring } from '../support/virtqueue-model.ts';

test.each([
  ['flags', featureSet(VIRTIO_F_INDIRECT_DESC)],
  ['EVENT_IDX', featureSet(VIRTIO_F_INDIRECT_DESC, VIRTIO_F_EVENT_IDX)],
  ['packed, flags', featureSet(VIRTIO_F_INDIRECT_DESC, VIRTIO_F_RING_PACKED)],
  ['packed, EVENT_IDX', featureSet(VIRTIO_F_INDIRECT_DESC, VIRTIO_F_EVENT_IDX, VIRTIO_F_RING_PACKED)],
])('driver and device agree with a plain queue and lose no notification (%s)', (_, features) => {
  const startIdx = fc.oneof(fc.constantFrom(0, 65534, 65535), fc.integer({ min: 65500, max: 65535 }));
  const queueSize = fc.constantFrom(1, 2, 4, 8, 16, ...(isPacked(features) ? [3, 5, 7, 15] : []));
  const commands = fc.commands(COMMANDS, { maxCommands: 120, size: 'max' });
  fc.assert(
    fc.property(queueSize, startIdx, commands, (size, start, plan) => {
      fc.modelRun(() => ({ model: emptyModel(size), real: new Ring(size, features, start) }), plan);
    }),
    { numRuns: 400 },
  );
});

test('needEvent is membership in the half-open range of entries passed', () => {
  const idx = fc.oneof(fc.integer({ min: 0, max: 65535 }), fc.constantFrom(0, 1, 65534, 65535));
  fc.assert(
    fc.property(idx, fc.integer({ min: 0, max: 400 }), fc.integer({ min: -3, max: 403 }), (old, moved, at) => {
      const passed = at >= 0 && at < moved;
      expect(needEvent((old + at) & 0xffff, (old + moved) & 0xffff, old)).toBe(passed);
    }),
  );
});

test('a guest that writes anything at all into a packed ring gets the same', () => {
  const addr = fc.oneof(
    { weight: 4, arbitrary: fc.integer({ min: 0x1000, max: 0x1100 }) },
    { weight: 2, arbitrary: fc.integer({ min: MOCK_PACKED_MEMORY_BYTES - 64, max: MOCK_PACKED_MEMORY_BYTES + 1 }) },
    fc.integer({ min: -0x80000000, max: 0x7fffffff }),
  );
  const len = fc.oneof({ weight: 4, arbitrary: fc.constantFrom(1, 16, 32, 48, 128) }, fc.integer());
  const high = fc.oneof({ weight: 9, arbitrary: fc.constant(0) }, fc.integer());
  // Mostly available in the first lap, with any of NEXT, WRITE and INDIRECT.
  const flags = fc.oneof(
    { weight: 9, arbitrary: fc.nat(7).map((low) => AVAIL | low) },
    { weight: 1, arbitrary: fc.nat(65535) },
  );
  const ring = fc.array(fc.tuple(addr, high, len, fc.nat(65535), flags), { minLength: 8, maxLength: 8 });
  const direction = fc.constantFrom(DIRECTION_ANY, DIRECTION_DEVICE_READS, DIRECTION_DEVICE_WRITES);
  fc.assert(
    fc.property(ring, ring, direction, fc.nat(8), (first, second, facing, popped) => {
      const guest = new MockPackedDriver();
      const features = featureSet(VIRTIO_F_INDIRECT_DESC, VIRTIO_F_EVENT_IDX, VIRTIO_F_RING_PACKED);
      const options = { memory: guest.memory, layout: MOCK_PACKED_LAYOUT, features, direction: facing };
      const device = new PackedDeviceQueue(options);
      device.start(PACKED_START_BASE);
      for (const descriptors of [first, second]) {
        descriptors.forEach(([at, above, bytes, id, flags], slot) =>
          guest.descAt(0x1000 + slot * 16, at, bytes, id, flags, above),
        );
        const count = device.availCount();
        expect(count).toBeLessThanOrEqual(8);
        for (let i = 0; i < Math.min(count, popped); i++) {
          const handle = device.pop();
          if (handle < 0) {
            expect(device.broken).toBe(handle);
            return;
          }
          expect(handle).toBeLessThan(8);
          for (let b = 0; b < device.chainCount; b++) {
            const addr = device.chainAddr[b];
            const len = device.chainLen[b];
            expect(addr >= 0 && len > 0 && addr + len <= MOCK_PACKED_MEMORY_BYTES).toBe(true);
          }
          if (i % 2 === 0) device.pushUsed(handle, 1);
        }
        device.publishUsed();
        device.shouldCall();
        device.enableNotify();
        expect(device.waiting).toBeLessThanOrEqual(8);
      }
    }),
    { numRuns: 3000 },
  );
});

test('a guest that writes anything at all gets a code or a chain inside its own memory, never an exception', () => {
  // Descriptors near enough to valid ones that chains and tables are walked deep before the fault, if there is one.
  const addr = fc.oneof(
    { weight: 4, arbitrary: fc.integer({ min: 0x1000, max: 0x1100 }) },
    { weight: 2, arbitrary: fc.integer({ min: MOCK_MEMORY_BYTES - 64, max: MOCK_MEMORY_BYTES + 1 }) },
    fc.integer({ min: -0x80000000, max: 0x7fffffff }),
  );
  const len = fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(1, 16, 32, 48, 128) },
    fc.integer({ min: -0x80000000, max: 0x7fffffff }),
  );
  const high = fc.oneof({ weight: 9, arbitrary: fc.constant(0) }, fc.integer());
  const link = fc.tuple(fc.nat(7), fc.oneof({ weight: 9, arbitrary: fc.nat(7) }, fc.nat(65535)));
  const table = fc.array(fc.tuple(addr, high, len, link), { minLength: 8, maxLength: 16 });
  const heads = fc.array(fc.nat(8), { minLength: 8, maxLength: 8 });
  const direction = fc.constantFrom(DIRECTION_ANY, DIRECTION_DEVICE_READS, DIRECTION_DEVICE_WRITES);
  fc.assert(
    fc.property(table, heads, fc.integer({ min: 0, max: 9 }), direction, (descriptors, offered, idx, facing) => {
      const memory = new GuestMemory(new SharedArrayBuffer(MOCK_MEMORY_BYTES));
      descriptors.forEach(([at, above, bytes, [flags, next]], id) => {
        memory.i32.set([at, above, bytes, (next << 16) | flags], (0x1000 >> 2) + id * 4);
      });
      memory.u16.set([0, idx, ...offered], 0x1100 >> 1);
      const features = featureSet(VIRTIO_F_INDIRECT_DESC, VIRTIO_F_EVENT_IDX);
      const device = new SplitDeviceQueue({ memory, layout: MOCK_LAYOUT, features, direction: facing });
      device.start(0);
      const count = device.availCount();
      for (let i = 0; i < count; i++) {
        const head = device.pop();
        if (head < 0) {
          expect(device.broken).toBe(head);
          return;
        }
        expect(device.chainCount).toBeLessThanOrEqual(8);
        for (let b = 0; b < device.chainCount; b++) {
          const addr = device.chainAddr[b];
          const len = device.chainLen[b];
          expect(addr >= 0 && len > 0 && addr + len <= MOCK_MEMORY_BYTES).toBe(true);
        }
      }
    }),
    { numRuns: 3000 },
  );
});
