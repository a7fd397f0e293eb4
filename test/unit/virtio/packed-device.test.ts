import { describe, expect, test } from 'vitest';
import {
  DIRECTION_ANY,
  DIRECTION_DEVICE_READS,
  DIRECTION_DEVICE_WRITES,
} from '../../../src/virtio/ring/device-chain.ts';
import {
  featureSet,
  VIRTIO_F_EVENT_IDX,
  VIRTIO_F_INDIRECT_DESC,
  VIRTIO_F_RING_PACKED,
} from '../../../src/virtio/net/features.ts';
import type { FeatureSet } from '../../../src/virtio/net/features.ts';
import { PackedDeviceQueue } from '../../../src/virtio/ring/packed-device.ts';
import { PACKED_START_BASE } from '../../../src/virtio/ring/packed-layout.ts';
import * as vq from '../../../src/virtio/ring/virtqueue-error.ts';
import { INDIRECT, NEXT, WRITE } from '../../support/mock-driver.ts';
import { AVAIL, MOCK_PACKED_LAYOUT, MockPackedDriver, USED } from '../../support/mock-packed-driver.ts';

const FLAGS_ONLY = featureSet(VIRTIO_F_RING_PACKED, VIRTIO_F_INDIRECT_DESC);
const EVENT_IDX_ON = featureSet(VIRTIO_F_RING_PACKED, VIRTIO_F_EVENT_IDX);

interface Setup {
  readonly features?: FeatureSet;
  readonly direction?: number;
  readonly slot?: number;
  readonly wrap?: boolean;
}

function setUp({ features = FLAGS_ONLY, direction = DIRECTION_ANY, slot = 0, wrap = true }: Setup = {}) {
  const guest = new MockPackedDriver(slot, wrap);
  const device = new PackedDeviceQueue({ memory: guest.memory, layout: MOCK_PACKED_LAYOUT, features, direction });
  const at = slot | (wrap ? 0x8000 : 0);
  device.start(at | (at << 16));
  return { guest, device };
}

function chainOf(device: PackedDeviceQueue): number[][] {
  return Array.from({ length: device.chainCount }, (_, i) => [
    device.chainAddr[i],
    device.chainLen[i],
    device.chainFlags[i],
  ]);
}

describe('well-formed chains', () => {
  test('a zeroed ring is empty, in the first lap', () => {
    expect(setUp().device.availCount()).toBe(0);
  });

  test('a single buffer comes back under its id, marked used for this lap', () => {
    const { guest, device } = setUp({ direction: DIRECTION_DEVICE_WRITES });
    guest.offer(0x2000, 1526, 77, WRITE);
    expect(device.pop()).toBe(vq.VQ_EMPTY);
    expect(device.availCount()).toBe(1);
    const handle = device.pop();
    expect(chainOf(device)).toEqual([[0x2000, 1526, WRITE]]);
    expect([device.readableBytes, device.writableBytes]).toEqual([0, 1526]);
    device.pushUsed(handle, 72);
    expect(guest.at(0).flags).toBe(WRITE | AVAIL);
    device.publishUsed();
    expect(guest.at(0)).toEqual({ id: 77, len: 72, flags: WRITE | AVAIL | USED });
  });

  test('a used descriptor into which nothing was written has no WRITE flag', () => {
    const { guest, device } = setUp({ direction: DIRECTION_DEVICE_READS });
    guest.offer(0x2000, 72, 3, 0);
    device.availCount();
    device.pushUsed(device.pop(), 0);
    device.publishUsed();
    expect(guest.at(0).flags).toBe(AVAIL | USED);
  });

  test('a chain over the end of the ring takes the id of its last descriptor and one used descriptor', () => {
    const { guest, device } = setUp({ slot: 6 });
    guest.offer(0x2000, 12, 1, NEXT);
    guest.offer(0x2100, 60, 2, NEXT);
    guest.offer(0x2200, 1, 9, WRITE);
    guest.offer(0x2300, 1, 5, 0);
    expect(device.availCount()).toBe(2);
    const handle = device.pop();
    expect(chainOf(device)).toEqual([
      [0x2000, 12, 0],
      [0x2100, 60, 0],
      [0x2200, 1, WRITE],
    ]);
    const next = device.pop();
    device.pushUsed(next, 0);
    device.pushUsed(handle, 1);
    device.publishUsed();
    // Used in the order of completion: the single buffer first, then the chain, which skips on by three slots.
    expect(guest.at(6)).toMatchObject({ id: 5, flags: AVAIL | USED });
    expect(guest.at(7)).toEqual({ id: 9, len: 1, flags: WRITE | AVAIL | USED });
    expect(device.lastAvailIdx).toBe(2 | (2 << 16));
  });

  test('an indirect table is all of its entries, of whose flags only WRITE counts', () => {
    const { guest, device } = setUp();
    guest.offer(0x3001, 32, 4, INDIRECT | WRITE);
    guest.descAt(0x3001, 0x2100, 60, 99, AVAIL);
    guest.descAt(0x3011, 0x2200, 9, 99, WRITE | INDIRECT);
    device.availCount();
    const handle = device.pop();
    expect(chainOf(device)).toEqual([
      [0x2100, 60, 0],
      [0x2200, 9, WRITE],
    ]);
    device.pushUsed(handle, 9);
    device.publishUsed();
    expect(guest.at(0).id).toBe(4);
  });

  test('buffer ids may be any numbers, handles are below the queue size', () => {
    const { guest, device } = setUp();
    for (let i = 0; i < 8; i++) guest.offer(0x2000, 64, 0xfff8 + i, 0);
    expect(device.availCount()).toBe(8);
    const handles = Array.from({ length: 8 }, () => device.pop());
    expect([...handles].sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    for (const handle of handles.reverse()) device.pushUsed(handle, 0);
    device.publishUsed();
    expect(Array.from({ length: 8 }, (_, slot) => guest.at(slot).id)).toEqual(
      Array.from({ length: 8 }, (_, i) => 0xffff - i),
    );
  });

  test('the first of a batch of used descriptors is written last', () => {
    const { guest, device } = setUp({ direction: DIRECTION_DEVICE_WRITES });
    for (let id = 0; id < 3; id++) guest.offer(0x2000, 64, id, WRITE);
    device.availCount();
    for (let i = 0; i < 3; i++) device.pushUsed(device.pop(), 60 + i);
    expect([0, 1, 2].map((slot) => (guest.at(slot).flags & USED) !== 0)).toEqual([false, true, true]);
    device.publishUsed();
    expect([0, 1, 2].map((slot) => guest.at(slot).len)).toEqual([60, 61, 62]);
  });
});

describe('each fault breaks the queue with its own code', () => {
  type Fault = [string, number, (guest: MockPackedDriver) => void, Setup?];
  const one =
    (addr: number, len: number, flags = 0, high = 0) =>
    (guest: MockPackedDriver) =>
      guest.offer(addr, len, 0, flags, high);
  const faults: Fault[] = [
    ['an address of more than 32 bits', vq.VQ_ERR_ADDRESS_HIGH, one(0x2000, 16, 0, 1)],
    ['a buffer past the end of memory', vq.VQ_ERR_ADDRESS_RANGE, one(0xfff8, 16)],
    ['a length of 2 GiB', vq.VQ_ERR_ADDRESS_RANGE, one(0x2000, 0x80000000)],
    ['an empty buffer', vq.VQ_ERR_ZERO_LENGTH, one(0x2000, 0)],
    [
      'a buffer that faces the wrong way',
      vq.VQ_ERR_DIRECTION,
      one(0x2000, 16, WRITE),
      { direction: DIRECTION_DEVICE_READS },
    ],
    [
      'readable after writable',
      vq.VQ_ERR_READABLE_AFTER_WRITABLE,
      (guest) => {
        guest.descAt(0x1010, 0x2000, 16, 0, AVAIL);
        guest.offer(0x2000, 16, 0, WRITE | NEXT);
      },
    ],
    ['a list that is not all there', vq.VQ_ERR_CHAIN_TORN, one(0x2000, 16, NEXT)],
    [
      'a table that was not negotiated',
      vq.VQ_ERR_INDIRECT_NOT_NEGOTIATED,
      one(0x3000, 16, INDIRECT),
      { features: EVENT_IDX_ON },
    ],
    [
      'a table in a chain',
      vq.VQ_ERR_INDIRECT_WITH_NEXT,
      (guest) => {
        guest.descAt(0x1010, 0x3000, 16, 0, INDIRECT | AVAIL);
        guest.offer(0x2000, 16, 0, NEXT);
      },
    ],
    ['a table of 24 bytes', vq.VQ_ERR_INDIRECT_LENGTH, one(0x3000, 24, INDIRECT)],
    [
      'a table longer than the queue',
      vq.VQ_ERR_CHAIN_LOOP,
      (guest) => {
        for (let i = 0; i < 9; i++) guest.descAt(0x3000 + 16 * i, 0x2000, 16, 0, 0);
        guest.offer(0x3000, 144, 0, INDIRECT);
      },
    ],
  ];

  test.each(faults)('%s', (_, code, misbehave, setup) => {
    const { guest, device } = setUp(setup);
    misbehave(guest);
    const count = device.availCount();
    expect(count < 0 ? count : device.pop()).toBe(code);
    expect(device.broken).toBe(code);
    expect([device.availCount(), device.pop(), device.enableNotify()]).toEqual([code, code, false]);
    expect(device.lastAvailIdx).toBe(PACKED_START_BASE);
    expect(vq.virtqueueErrorText(code, device.brokenDetail)).toMatch(/^virtqueue broken, \w+: .+ \d+$/);
  });

  test('a descriptor made available in the place of one the device still holds', () => {
    const { guest, device } = setUp();
    for (let i = 0; i < 9; i++) {
      if (i === 8) {
        device.availCount();
        for (let n = 0; n < 8; n++) device.pop();
      }
      guest.offer(0x2000, 16, i, 0);
    }
    expect(device.availCount()).toBe(vq.VQ_ERR_AVAIL_OVERRUN);
  });

  test('what came before a list that is wrong is served first', () => {
    const { guest, device } = setUp();
    guest.offer(0x2000, 16, 0, 0);
    guest.offer(0x2000, 16, 1, NEXT);
    expect(device.availCount()).toBe(1);
    expect(device.pop()).toBe(0);
    expect(device.availCount()).toBe(vq.VQ_ERR_CHAIN_TORN);
  });

  test('the shape of a chain is what it was when it was found', () => {
    const { guest, device } = setUp();
    guest.offer(0x2000, 16, 0, 0);
    guest.offer(0x2100, 16, 1, 0);
    device.availCount();
    guest.descAt(0x1000, 0x2000, 16, 0, NEXT | AVAIL);
    expect([device.pop(), device.chainCount]).toEqual([0, 1]);
    expect([device.pop(), device.chainAddr[0]]).toEqual([1, 0x2100]);
  });
});

describe('base and notifications', () => {
  test('service goes on where VHOST_GET_VRING_BASE said, both counters included', () => {
    const { guest, device } = setUp({ slot: 7 });
    for (let id = 0; id < 3; id++) guest.offer(0x2000, 16, id, 0);
    device.availCount();
    device.pushUsed(device.pop(), 0);
    device.publishUsed();
    const base = device.lastAvailIdx;
    expect(base).toBe(0);
    device.start(base);
    expect(device.availCount()).toBe(2);
    device.pushUsed(device.pop(), 0);
    device.publishUsed();
    // In the second lap used means both flags zero.
    expect(guest.at(0)).toMatchObject({ id: 1, flags: 0 });
  });

  test('without EVENT_IDX the driver says enable or disable, and so does the device', () => {
    const { guest, device } = setUp();
    expect(guest.deviceEvent()).toMatchObject({ flags: 0 });
    device.disableNotify();
    expect(guest.deviceEvent()).toMatchObject({ flags: 1 });
    device.enableNotify();
    expect(guest.deviceEvent()).toMatchObject({ flags: 0 });
    expect(device.shouldCall()).toBe(true);
    guest.setDriverEvent(0, 0, 1);
    expect(device.shouldCall()).toBe(false);
  });

  test('the device asks for a kick at the next descriptor it has not seen, in its lap', () => {
    const { guest, device } = setUp({ features: EVENT_IDX_ON, slot: 7 });
    expect(guest.deviceEvent()).toEqual({ offset: 7, wrap: 1, flags: 2 });
    guest.offer(0x2000, 16, 0, 0);
    expect(device.enableNotify()).toBe(true);
    device.availCount();
    expect(device.enableNotify()).toBe(false);
    expect(guest.deviceEvent()).toEqual({ offset: 0, wrap: 0, flags: 2 });
  });

  test('a call is due when the descriptor asked for is used, in its lap, and always the first time', () => {
    const { guest, device } = setUp({ features: EVENT_IDX_ON, slot: 5 });
    const use = (): boolean => {
      guest.offer(0x2000, 16, 0, 0);
      device.availCount();
      device.pushUsed(device.pop(), 0);
      device.publishUsed();
      return device.shouldCall();
    };
    guest.setDriverEvent(1, 0, 2);
    expect(use()).toBe(true);
    // Slots 6, 7 and 0 pass by, then slot 1 of the next lap.
    expect([use(), use(), use(), use(), use()]).toEqual([false, false, false, true, false]);
    guest.setDriverEvent(3, 0, 1);
    expect(use()).toBe(false);
  });
});
