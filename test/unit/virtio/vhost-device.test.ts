import { describe, expect, test } from 'vitest';
import {
  featureSet,
  VHOST_NET_FEATURES,
  VIRTIO_F_RING_PACKED,
  VIRTIO_F_VERSION_1,
  VIRTIO_NET_F_CSUM,
} from '../../../src/virtio/net/features.ts';
import { splitLayoutAt } from '../../../src/virtio/ring/split-layout.ts';
import { VhostDevice } from '../../../src/virtio/vhost/vhost-device.ts';
import * as io from '../../../src/virtio/vhost/vhost-ioctl.ts';
import type { VhostCommand } from '../../../src/virtio/vhost/vhost-ioctl.ts';

const MEMORY_BYTES = 0x100000;
const WHOLE = [{ addr: 0, sizeBytes: MEMORY_BYTES }];
const V1 = featureSet(VIRTIO_F_VERSION_1);

function setUp() {
  const events: string[] = [];
  const device: VhostDevice = new VhostDevice(MEMORY_BYTES, {
    attach: (index) => events.push(`attach ${index} backend ${device.vring(index)!.backend}`),
    detach: (index) => {
      events.push(`detach ${index}`);
      return 777;
    },
    lastAvailIdx: () => 555,
  });
  const call = (command: VhostCommand): string => io.vhostCallText('vhost0', command, device.handle(command));
  return { device, events, call };
}

const { descAddr, availAddr, usedAddr } = splitLayoutAt(0x4000, 256);
const ADDR = { descAddr, availAddr, usedAddr };

/** The calls of one ring in order, by name, so that a test can leave one out. */
function ringCalls(index: number): VhostCommand[] {
  return [
    { ioctl: io.VHOST_SET_FEATURES, features: V1 },
    { ioctl: io.VHOST_SET_MEM_TABLE, regions: WHOLE },
    { ioctl: io.VHOST_SET_VRING_NUM, index, num: 256 },
    { ioctl: io.VHOST_SET_VRING_BASE, index, num: 65535 },
    { ioctl: io.VHOST_SET_VRING_ADDR, index, ...ADDR },
    { ioctl: io.VHOST_SET_VRING_KICK, index, fd: 4 },
    { ioctl: io.VHOST_SET_VRING_CALL, index, fd: 5 },
  ];
}

function ready() {
  const setup = setUp();
  setup.device.handle({ ioctl: io.VHOST_SET_OWNER });
  for (const command of ringCalls(1)) expect(setup.device.handle(command).result).toBe(0);
  return setup;
}

test('ioctl numbers are those of include/uapi/linux/vhost.h on x86', () => {
  const ior = (direction: number, number: number, bytes: number) =>
    ((direction << 30) | (bytes << 16) | (0xaf << 8) | number) >>> 0;
  expect(io.VHOST_GET_FEATURES).toBe(ior(2, 0x00, 8));
  expect(io.VHOST_SET_FEATURES).toBe(ior(1, 0x00, 8));
  expect(io.VHOST_SET_OWNER).toBe(ior(0, 0x01, 0));
  expect(io.VHOST_RESET_OWNER).toBe(ior(0, 0x02, 0));
  expect(io.VHOST_SET_MEM_TABLE).toBe(ior(1, 0x03, 8));
  expect(io.VHOST_SET_VRING_NUM).toBe(ior(1, 0x10, 8));
  expect(io.VHOST_SET_VRING_ADDR).toBe(ior(1, 0x11, 40));
  expect(io.VHOST_SET_VRING_BASE).toBe(ior(1, 0x12, 8));
  expect(io.VHOST_GET_VRING_BASE).toBe(ior(3, 0x12, 8));
  expect(io.VHOST_SET_VRING_KICK).toBe(ior(1, 0x20, 8));
  expect(io.VHOST_SET_VRING_CALL).toBe(ior(1, 0x21, 8));
  expect(io.VHOST_NET_SET_BACKEND).toBe(ior(1, 0x30, 8));
});

describe('order', () => {
  test('nothing before VHOST_SET_OWNER, and one owner only', () => {
    const { call } = setUp();
    for (const command of [
      ...ringCalls(0),
      { ioctl: io.VHOST_GET_FEATURES },
      { ioctl: io.VHOST_RESET_OWNER },
    ] as const) {
      expect(call(command)).toContain(`= -EPERM (${io.ioctlName(command.ioctl)}`);
    }
    expect(call({ ioctl: io.VHOST_SET_OWNER })).toBe('ioctl(vhost0, VHOST_SET_OWNER) = 0');
    expect(call({ ioctl: io.VHOST_SET_OWNER })).toContain('= -EBUSY');
  });

  test('addresses need the memory table and the size first', () => {
    const { device, call } = setUp();
    device.handle({ ioctl: io.VHOST_SET_OWNER });
    const setAddr: VhostCommand = { ioctl: io.VHOST_SET_VRING_ADDR, index: 1, ...ADDR };
    expect(call(setAddr)).toBe(
      'ioctl(vhost0, VHOST_SET_VRING_ADDR {index 1, desc 0x4000, avail 0x5000, used 0x5208}) = -EFAULT ' +
        '(VHOST_SET_VRING_ADDR on vring 1 before VHOST_SET_MEM_TABLE: ' +
        'the addresses cannot be checked without a memory table)',
    );
    device.handle({ ioctl: io.VHOST_SET_MEM_TABLE, regions: WHOLE });
    expect(call(setAddr)).toContain('-EINVAL (VHOST_SET_VRING_ADDR on vring 1 before VHOST_SET_VRING_NUM');
  });

  test.each(io.MISSING_CALLS.map((name, at) => [name, at] as const))('no backend without %s', (name, at) => {
    const { device, events, call } = setUp();
    device.handle({ ioctl: io.VHOST_SET_OWNER });
    // Without a table or a size the addresses cannot be given either; the backend's message then names both.
    ringCalls(1).forEach((command, i) => i === at || device.handle(command));
    expect(call({ ioctl: io.VHOST_NET_SET_BACKEND, index: 1, fd: 9 })).toMatch(
      new RegExp(`-EFAULT \\(VHOST_NET_SET_BACKEND on vring 1: the device is not set up: .*${name}.* missing\\)`),
    );
    expect(events).toEqual([]);
    expect(device.vring(1)).toBeNull();
  });
});

test('a complete ring is attached, and says where it stood when it is detached', () => {
  const { device, events, call } = ready();
  expect(device.vring(1)).toBeNull();
  expect(call({ ioctl: io.VHOST_NET_SET_BACKEND, index: 1, fd: 9 })).toBe(
    'ioctl(vhost0, VHOST_NET_SET_BACKEND {index 1, fd 9}) = 0',
  );
  expect(device.vring(1)).toEqual({ num: 256, base: 65535, ...ADDR, kick: 4, call: 5, backend: 9 });
  expect([device.features, device.regions]).toEqual([V1, WHOLE]);
  expect(call({ ioctl: io.VHOST_GET_VRING_BASE, index: 1 })).toBe(
    'ioctl(vhost0, VHOST_GET_VRING_BASE {index 1, num [555]}) = 0',
  );
  device.handle({ ioctl: io.VHOST_NET_SET_BACKEND, index: 1, fd: 9 });
  device.handle({ ioctl: io.VHOST_NET_SET_BACKEND, index: 1, fd: -1 });
  device.handle({ ioctl: io.VHOST_NET_SET_BACKEND, index: 1, fd: -1 });
  expect(events).toEqual(['attach 1 backend 9', 'detach 1']);
  expect(device.handle({ ioctl: io.VHOST_GET_VRING_BASE, index: 1 }).lo).toBe(777);
});

test('a packed ring has parts of its own and a base of two indices with their wrap counters', () => {
  const { device, call } = setUp();
  const base = { ioctl: io.VHOST_SET_VRING_BASE, index: 1, num: 0x8005_8007 } as const;
  device.handle({ ioctl: io.VHOST_SET_OWNER });
  for (const command of ringCalls(1)) expect(device.handle(command).result).toBe(0);
  expect(call(base)).toContain('-EINVAL');
  const features = featureSet(VIRTIO_F_VERSION_1, VIRTIO_F_RING_PACKED);
  device.handle({ ioctl: io.VHOST_SET_FEATURES, features });
  // Base and addresses were those of a split ring.
  expect(call({ ioctl: io.VHOST_NET_SET_BACKEND, index: 1, fd: 9 })).toMatch(
    /VRING_BASE, VHOST_SET_VRING_ADDR missing/,
  );
  expect(call(base)).toContain('num 2147844103}) = 0');
  const layout = { descAddr: 0x4000, availAddr: 0x5002, usedAddr: 0x5004 };
  expect(call({ ioctl: io.VHOST_SET_VRING_ADDR, index: 1, ...layout })).toContain('-EINVAL');
  expect(call({ ioctl: io.VHOST_SET_VRING_ADDR, index: 1, ...layout, availAddr: 0x5000 })).toContain('= 0');
  device.handle({ ioctl: io.VHOST_NET_SET_BACKEND, index: 1, fd: 9 });
  expect(device.vring(1)).toMatchObject({ base: 0x8005_8007, availAddr: 0x5000, usedAddr: 0x5004 });
});

test('while a backend is set the ring cannot be moved, and RESET_OWNER lets go of everything', () => {
  const { device, events, call } = ready();
  device.handle({ ioctl: io.VHOST_NET_SET_BACKEND, index: 1, fd: 9 });
  for (const command of ringCalls(1)) expect(call(command)).toContain('= -EBUSY');
  expect(call({ ioctl: io.VHOST_RESET_OWNER })).toBe('ioctl(vhost0, VHOST_RESET_OWNER) = 0');
  expect(events).toEqual(['attach 1 backend 9', 'detach 1']);
  expect(call({ ioctl: io.VHOST_GET_FEATURES })).toContain('-EPERM');
  device.handle({ ioctl: io.VHOST_SET_OWNER });
  expect(call({ ioctl: io.VHOST_NET_SET_BACKEND, index: 1, fd: 9 })).toContain(io.MISSING_CALLS.join(', '));
});

test.each<[string, VhostCommand, string]>([
  [
    'a feature vhost lacks',
    { ioctl: io.VHOST_SET_FEATURES, features: featureSet(VIRTIO_F_VERSION_1, VIRTIO_NET_F_CSUM) },
    '-EOPNOTSUPP',
  ],
  [
    '65 regions',
    { ioctl: io.VHOST_SET_MEM_TABLE, regions: Array.from({ length: 65 }, (_, i) => ({ addr: i * 16, sizeBytes: 8 })) },
    '-E2BIG',
  ],
  [
    'a region outside guest memory',
    { ioctl: io.VHOST_SET_MEM_TABLE, regions: [{ addr: 16, sizeBytes: MEMORY_BYTES }] },
    '-EFAULT',
  ],
  ['a vring that is not there', { ioctl: io.VHOST_SET_VRING_NUM, index: 2, num: 256 }, '-ENOBUFS'],
  ['a size of 100', { ioctl: io.VHOST_SET_VRING_NUM, index: 0, num: 100 }, '-EINVAL'],
  ['a size of 65536', { ioctl: io.VHOST_SET_VRING_NUM, index: 0, num: 65536 }, '-EINVAL'],
  ['a base of 65536', { ioctl: io.VHOST_SET_VRING_BASE, index: 0, num: 65536 }, '-EINVAL'],
  ['a misaligned used ring', { ioctl: io.VHOST_SET_VRING_ADDR, index: 1, ...ADDR, usedAddr: 0x520a }, '-EINVAL'],
  [
    'a used ring that leaves the table',
    { ioctl: io.VHOST_SET_VRING_ADDR, index: 1, ...ADDR, usedAddr: MEMORY_BYTES - 2052 },
    '-EFAULT',
  ],
  ['a kick of -2', { ioctl: io.VHOST_SET_VRING_KICK, index: 0, fd: -2 }, '-EINVAL'],
  ['a backend of -2', { ioctl: io.VHOST_NET_SET_BACKEND, index: 1, fd: -2 }, '-EINVAL'],
])('%s is refused', (_, command, errno) => {
  const { call } = ready();
  expect(call(command)).toContain(`= ${errno} (`);
});

test('a new size or table voids addresses that were checked against the old', () => {
  const { device, call } = ready();
  device.handle({ ioctl: io.VHOST_SET_VRING_NUM, index: 1, num: 512 });
  expect(call({ ioctl: io.VHOST_NET_SET_BACKEND, index: 1, fd: 9 })).toContain('VHOST_SET_VRING_ADDR missing');
  const other = ready();
  other.device.handle({ ioctl: io.VHOST_SET_MEM_TABLE, regions: [{ addr: 0, sizeBytes: 0x5000 }] });
  expect(other.call({ ioctl: io.VHOST_NET_SET_BACKEND, index: 1, fd: 9 })).toContain('VHOST_SET_VRING_ADDR missing');
});

test('features are reported by name', () => {
  const { device, call } = setUp();
  device.handle({ ioctl: io.VHOST_SET_OWNER });
  expect(call({ ioctl: io.VHOST_GET_FEATURES })).toBe(
    'ioctl(vhost0, VHOST_GET_FEATURES [MRG_RXBUF|NOTIFY_ON_EMPTY|ANY_LAYOUT|INDIRECT_DESC|EVENT_IDX|VERSION_1|RING_PACKED]) = 0',
  );
  expect(device.handle({ ioctl: io.VHOST_GET_FEATURES })).toMatchObject(VHOST_NET_FEATURES);
});
