import { describe, expect, test } from 'vitest';
import {
  featureSet,
  NO_FEATURES,
  VIRTIO_F_EVENT_IDX,
  VIRTIO_F_INDIRECT_DESC,
  VIRTIO_F_NOTIFY_ON_EMPTY,
} from '../../../src/virtio/net/features.ts';
import type { FeatureSet } from '../../../src/virtio/net/features.ts';
import type { MemoryRegion } from '../../../src/virtio/guest/guest-memory.ts';
import {
  DIRECTION_ANY,
  DIRECTION_DEVICE_READS,
  DIRECTION_DEVICE_WRITES,
} from '../../../src/virtio/ring/device-chain.ts';
import { SplitDeviceQueue } from '../../../src/virtio/ring/split-device.ts';
import * as vq from '../../../src/virtio/ring/virtqueue-error.ts';
import { INDIRECT, MOCK_LAYOUT, MockDriver, NEXT, WRITE } from '../../support/mock-driver.ts';

interface Setup {
  readonly features?: FeatureSet;
  readonly direction?: number;
  readonly regions?: readonly MemoryRegion[];
  readonly base?: number;
}

const INDIRECT_ON = featureSet(VIRTIO_F_INDIRECT_DESC);
const EVENT_IDX_ON = featureSet(VIRTIO_F_EVENT_IDX);

function setUp({ features = INDIRECT_ON, direction = DIRECTION_ANY, regions, base = 0 }: Setup = {}) {
  const guest = new MockDriver(base);
  const device = new SplitDeviceQueue({
    memory: guest.memory,
    layout: MOCK_LAYOUT,
    features,
    direction,
    ...(regions === undefined ? {} : { regions }),
  });
  device.start(base);
  return { guest, device };
}

function chainOf(device: SplitDeviceQueue): number[][] {
  return Array.from({ length: device.chainCount }, (_, i) => [
    device.chainAddr[i],
    device.chainLen[i],
    device.chainFlags[i],
  ]);
}

describe('well-formed chains', () => {
  test('a single buffer', () => {
    const { guest, device } = setUp({ direction: DIRECTION_DEVICE_WRITES });
    guest.desc(5, 0x2000, 1526, WRITE);
    guest.offer(5);
    expect(device.pop()).toBe(vq.VQ_EMPTY);
    expect(device.availCount()).toBe(1);
    expect(device.pop()).toBe(5);
    expect(chainOf(device)).toEqual([[0x2000, 1526, WRITE]]);
    expect([device.readableBytes, device.writableBytes]).toEqual([0, 1526]);
    expect(device.pop()).toBe(vq.VQ_EMPTY);
  });

  test('readable buffers, then writable ones, in any descriptor order', () => {
    const { guest, device } = setUp();
    guest.desc(7, 0x2000, 12, NEXT, 0);
    guest.desc(0, 0x2100, 60, NEXT, 3);
    guest.desc(3, 0x2200, 1, WRITE);
    guest.offer(7);
    device.availCount();
    expect(device.pop()).toBe(7);
    expect(chainOf(device)).toEqual([
      [0x2000, 12, 0],
      [0x2100, 60, 0],
      [0x2200, 1, WRITE],
    ]);
    expect([device.readableBytes, device.writableBytes]).toEqual([72, 1]);
  });

  test('direct descriptors, then an indirect table at an odd address, its WRITE flag ignored', () => {
    const { guest, device } = setUp();
    guest.desc(1, 0x2000, 12, NEXT, 2);
    guest.desc(2, 0x3001, 48, INDIRECT | WRITE);
    guest.descAt(0x3001, 0x2100, 60, NEXT, 2);
    guest.descAt(0x3021, 0x2200, 9, WRITE);
    guest.offer(1);
    device.availCount();
    expect(device.pop()).toBe(1);
    expect(chainOf(device)).toEqual([
      [0x2000, 12, 0],
      [0x2100, 60, 0],
      [0x2200, 9, WRITE],
    ]);
  });

  test('a buffer may end where memory ends, and use all eight descriptors', () => {
    const { guest, device } = setUp();
    for (let id = 0; id < 8; id++) guest.desc(id, 0xfff0, 16, id === 7 ? 0 : NEXT, id + 1);
    guest.offer(0);
    device.availCount();
    expect(device.pop()).toBe(0);
    expect(device.chainCount).toBe(8);
  });

  test('a buffer may span adjacent regions of the memory table', () => {
    const regions = [
      { addr: 0, sizeBytes: 0x3000 },
      { addr: 0x3000, sizeBytes: 0x1000 },
      { addr: 0x8000, sizeBytes: 0x1000 },
    ];
    const { guest, device } = setUp({ direction: DIRECTION_DEVICE_READS, regions });
    guest.desc(0, 0x2ff0, 32, 0);
    guest.desc(1, 0x8ff0, 16, 0);
    guest.offer(0);
    guest.offer(1);
    expect(device.availCount()).toBe(2);
    expect([device.pop(), device.pop()]).toEqual([0, 1]);
  });
});

describe('each fault breaks the queue with its own code', () => {
  const single =
    (addr: number, len: number, high = 0) =>
    (guest: MockDriver) => {
      guest.desc(0, addr, len, 0, 0, high);
      guest.offer(0);
    };
  type Fault = [string, number, (guest: MockDriver) => void, Setup?];
  /** A queue of one direction checks a single buffer on its short path, a queue of any on the general one. */
  const bothPaths = (name: string, code: number, misbehave: Fault[2], setup: Setup = {}): Fault[] => [
    [name, code, misbehave, setup],
    [`${name}, short path`, code, misbehave, { ...setup, direction: DIRECTION_DEVICE_READS }],
  ];
  const faults: Fault[] = [
    ['avail.idx nine ahead of eight entries', vq.VQ_ERR_AVAIL_IDX_JUMP, (guest) => guest.moveAvailIdx(9)],
    ['avail.idx moved backwards', vq.VQ_ERR_AVAIL_IDX_JUMP, (guest) => guest.moveAvailIdx(0xffff)],
    ['head 8 of 8', vq.VQ_ERR_HEAD_RANGE, (guest) => guest.offer(8)],
    [
      'next 8 of 8',
      vq.VQ_ERR_NEXT_RANGE,
      (guest) => {
        guest.desc(0, 0x2000, 16, NEXT, 8);
        guest.offer(0);
      },
    ],
    [
      'a chain of two that loops',
      vq.VQ_ERR_CHAIN_LOOP,
      (guest) => {
        guest.desc(0, 0x2000, 16, NEXT, 1);
        guest.desc(1, 0x2000, 16, NEXT, 0);
        guest.offer(0);
      },
    ],
    [
      'an indirect table longer than the queue',
      vq.VQ_ERR_CHAIN_LOOP,
      (guest) => {
        guest.desc(0, 0x3000, 9 * 16, INDIRECT);
        for (let i = 0; i < 9; i++) guest.descAt(0x3000 + 16 * i, 0x2000, 4, i === 8 ? 0 : NEXT, i + 1);
        guest.offer(0);
      },
    ],
    ...bothPaths('address above 4 GiB', vq.VQ_ERR_ADDRESS_HIGH, single(0x2000, 16, 1)),
    ...bothPaths('address at the end of memory', vq.VQ_ERR_ADDRESS_RANGE, single(0x10000, 1)),
    ...bothPaths('one byte beyond memory', vq.VQ_ERR_ADDRESS_RANGE, single(0xfff0, 17)),
    ...bothPaths('address with bit 31', vq.VQ_ERR_ADDRESS_RANGE, single(0x80000000, 16)),
    ...bothPaths('address and length that overflow 32 bits', vq.VQ_ERR_ADDRESS_RANGE, single(0x2000, 0xfffff000)),
    ...bothPaths('length of 2 GiB less one', vq.VQ_ERR_ADDRESS_RANGE, single(0x2000, 0x7fffffff)),
    ...bothPaths('a hole of the memory table', vq.VQ_ERR_ADDRESS_RANGE, single(0x2ff0, 17), {
      regions: [{ addr: 0, sizeBytes: 0x3000 }],
    }),
    ...bothPaths('below the memory table', vq.VQ_ERR_ADDRESS_RANGE, single(0x2fff, 16), {
      regions: [{ addr: 0x3000, sizeBytes: 0x1000 }],
    }),
    ...bothPaths('an empty buffer', vq.VQ_ERR_ZERO_LENGTH, single(0x2000, 0)),
    [
      'readable after writable',
      vq.VQ_ERR_READABLE_AFTER_WRITABLE,
      (guest) => {
        guest.desc(0, 0x2000, 16, NEXT | WRITE, 1);
        guest.desc(1, 0x2000, 16, 0);
        guest.offer(0);
      },
    ],
    ['a readable receive buffer', vq.VQ_ERR_DIRECTION, single(0x2000, 16), { direction: DIRECTION_DEVICE_WRITES }],
    [
      'a writable transmit buffer',
      vq.VQ_ERR_DIRECTION,
      (guest) => {
        guest.desc(0, 0x2000, 16, WRITE);
        guest.offer(0);
      },
      { direction: DIRECTION_DEVICE_READS },
    ],
    [
      'an indirect table that was not negotiated',
      vq.VQ_ERR_INDIRECT_NOT_NEGOTIATED,
      (guest) => {
        guest.desc(0, 0x3000, 16, INDIRECT);
        guest.offer(0);
      },
      { features: NO_FEATURES },
    ],
    [
      'INDIRECT with NEXT',
      vq.VQ_ERR_INDIRECT_WITH_NEXT,
      (guest) => {
        guest.desc(0, 0x3000, 16, INDIRECT | NEXT, 1);
        guest.offer(0);
      },
    ],
    [
      'a table in a table',
      vq.VQ_ERR_INDIRECT_NESTED,
      (guest) => {
        guest.desc(0, 0x3000, 16, INDIRECT);
        guest.descAt(0x3000, 0x3100, 16, INDIRECT);
        guest.offer(0);
      },
    ],
    [
      'a table of 17 bytes',
      vq.VQ_ERR_INDIRECT_LENGTH,
      (guest) => {
        guest.desc(0, 0x3000, 17, INDIRECT);
        guest.offer(0);
      },
    ],
    [
      'an empty table',
      vq.VQ_ERR_INDIRECT_LENGTH,
      (guest) => {
        guest.desc(0, 0x3000, 0, INDIRECT);
        guest.offer(0);
      },
    ],
    [
      'a table outside memory',
      vq.VQ_ERR_ADDRESS_RANGE,
      (guest) => {
        guest.desc(0, 0xfff0, 32, INDIRECT);
        guest.offer(0);
      },
    ],
    [
      'a next outside its table',
      vq.VQ_ERR_NEXT_RANGE,
      (guest) => {
        guest.desc(0, 0x3000, 16, INDIRECT);
        guest.descAt(0x3000, 0x2000, 16, NEXT, 1);
        guest.offer(0);
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
    expect(device.lastAvailIdx).toBe(0);
    expect(vq.virtqueueErrorText(code, device.brokenDetail)).toMatch(/^virtqueue broken, \w+: .+ \d+$/);
  });

  test('every code has been reached', () => {
    const reached = new Set(faults.map(([, code]) => code));
    const packedOnly = [vq.VQ_ERR_CHAIN_TORN, vq.VQ_ERR_AVAIL_OVERRUN];
    expect([...reached, ...packedOnly].sort()).toEqual([...vq.VIRTQUEUE_ERROR_CODES].sort());
  });

  test('a fault later in the batch leaves what came before it', () => {
    const { guest, device } = setUp({ direction: DIRECTION_DEVICE_READS });
    guest.desc(0, 0x2000, 16, 0);
    guest.desc(1, 0x2000, 0, 0);
    guest.offer(0);
    guest.offer(1);
    expect(device.availCount()).toBe(2);
    expect(device.pop()).toBe(0);
    expect(device.pop()).toBe(vq.VQ_ERR_ZERO_LENGTH);
    expect(device.brokenDetail).toBe(1);
    device.start(0);
    expect(device.broken).toBe(0);
  });
});

describe('used ring and base index', () => {
  test('staged entries appear with one store, across the 16-bit wrap', () => {
    const { guest, device } = setUp({ base: 0xfffe, direction: DIRECTION_DEVICE_WRITES });
    for (let id = 0; id < 3; id++) {
      guest.desc(id, 0x2000, 64, WRITE);
      guest.offer(id);
    }
    expect(device.availCount()).toBe(3);
    for (let id = 0; id < 3; id++) device.pushUsed(device.pop(), 60 + id);
    expect(guest.usedIdx()).toBe(0xfffe);
    device.publishUsed();
    expect(guest.usedIdx()).toBe(1);
    expect([guest.used(6), guest.used(7), guest.used(0)]).toEqual([
      { id: 0, len: 60 },
      { id: 1, len: 61 },
      { id: 2, len: 62 },
    ]);
    expect(device.lastAvailIdx).toBe(1);
  });

  test('discarded chains are popped again', () => {
    const { guest, device } = setUp({ direction: DIRECTION_DEVICE_WRITES, base: 0xffff });
    for (const id of [4, 2]) {
      guest.desc(id, 0x2000, 64, WRITE);
      guest.offer(id);
    }
    device.availCount();
    expect([device.pop(), device.pop()]).toEqual([4, 2]);
    expect(device.lastAvailIdx).toBe(1);
    device.discard(2);
    expect(device.lastAvailIdx).toBe(0xffff);
    expect([device.pop(), device.pop(), device.pop()]).toEqual([4, 2, vq.VQ_EMPTY]);
  });

  test('set-up refuses a ring or a table outside the memory', () => {
    const { memory } = new MockDriver();
    const options = { memory, features: NO_FEATURES, direction: DIRECTION_ANY };
    expect(() => new SplitDeviceQueue({ ...options, layout: { ...MOCK_LAYOUT, usedAddr: 0xfff0 } })).toThrow(
      /used ring/,
    );
    expect(() => new SplitDeviceQueue({ ...options, layout: MOCK_LAYOUT, regions: [] })).toThrow(/no memory region/);
  });
});

describe('suppression', () => {
  test('without EVENT_IDX the flags words decide', () => {
    const { guest, device } = setUp();
    device.disableNotify();
    expect(guest.usedFlags()).toBe(1);
    expect(device.enableNotify()).toBe(false);
    expect(guest.usedFlags()).toBe(0);
    expect(device.shouldCall()).toBe(true);
    guest.setAvailFlags(1);
    expect(device.shouldCall()).toBe(false);
  });

  test('with EVENT_IDX the first call is always made, then only when used_event is passed', () => {
    const { guest, device } = setUp({ features: EVENT_IDX_ON, base: 0xfffd });
    guest.setUsedEvent(0xffff);
    const use = (): boolean => {
      device.pushUsed(0, 0);
      device.publishUsed();
      return device.shouldCall();
    };
    expect([use(), use(), use(), use()]).toEqual([true, false, true, false]);
    expect(guest.usedIdx()).toBe(1);
  });

  test('a remembered index that 2^16 used chains passed by is no longer trusted', () => {
    const { guest, device } = setUp({ features: EVENT_IDX_ON });
    guest.setUsedEvent(100);
    device.publishUsed();
    expect(device.shouldCall()).toBe(true);
    for (let i = 0; i < 0x10003; i++) {
      device.pushUsed(0, 0);
      device.publishUsed();
    }
    guest.setUsedEvent(30000);
    expect(device.shouldCall()).toBe(true);
    expect(device.shouldCall()).toBe(false);
  });

  test('avail_event names the first chain not yet seen; the flags stay zero', () => {
    const { guest, device } = setUp({ features: EVENT_IDX_ON, base: 40000 });
    expect(guest.availEvent()).toBe(40000);
    device.disableNotify();
    expect(guest.usedFlags()).toBe(0);
    guest.desc(0, 0x2000, 16, 0);
    guest.offer(0);
    expect(device.enableNotify()).toBe(true);
    device.availCount();
    device.pop();
    expect(device.enableNotify()).toBe(false);
    expect(guest.availEvent()).toBe(40001);
  });

  test('NOTIFY_ON_EMPTY calls when the last chain was taken, whatever the driver asked', () => {
    const { guest, device } = setUp({ features: featureSet(VIRTIO_F_NOTIFY_ON_EMPTY) });
    guest.setAvailFlags(1);
    for (const id of [0, 1]) {
      guest.desc(id, 0x2000, 16, 0);
      guest.offer(id);
    }
    device.availCount();
    device.pop();
    expect(device.shouldCall()).toBe(false);
    device.pop();
    expect(device.shouldCall()).toBe(true);
  });
});
