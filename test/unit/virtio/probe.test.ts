import { expect, test } from 'vitest';
import * as f from '../../../src/virtio/net/features.ts';
import type { FeatureSet } from '../../../src/virtio/net/features.ts';
import { GuestProbe } from '../../../src/virtio/guest/guest-probe.ts';
import * as regs from '../../../src/virtio/pci/pci-layout.ts';
import { PCI_TRAP_WORDS, PciTrapGuest, PciTrapHost } from '../../../src/virtio/pci/pci-trap.ts';
import { VirtioPciDevice } from '../../../src/virtio/pci/pci-transport.ts';
import { splitLayoutAt } from '../../../src/virtio/ring/split-layout.ts';
import { Transcript } from '../../../src/virtio/pci/transcript.ts';

const OFFERED = f.deviceOfferedFeatures(f.VHOST_NET_FEATURES);
const MAC = [0x52, 0x54, 0, 0x12, 0x34, 0x56];

function setUp(options: { offered?: FeatureSet; wanted?: FeatureSet; queueSizes?: number[]; place?: number } = {}) {
  const words = new Int32Array(new SharedArrayBuffer(4 * (PCI_TRAP_WORDS + 2)));
  const transcript = new Transcript();
  const events: string[] = [];
  const device = new VirtioPciDevice({
    offered: options.offered ?? OFFERED,
    queueSizesMax: [256, 256],
    netConfig: { mac: MAC, maxVirtqueuePairs: 1, mtuBytes: 1500 },
    guestMemoryBytes: 0x100000,
    hooks: { driverOk: () => events.push('driverOk'), stop: () => events.push('stop') },
    transcript,
  });
  const trap = new PciTrapGuest(words, 2);
  const host = new PciTrapHost(words, 2);
  const wanted = options.wanted ?? { lo: 0xffffffff, hi: 0xffffffff };
  const probe = new GuestProbe(trap, {
    wanted: f.commonFeatures(wanted, OFFERED),
    queueSizes: () => options.queueSizes ?? [1024, 128],
    placeQueue: (index, queueSize) => splitLayoutAt((options.place ?? 0x4000) + index * 0x2000, queueSize),
  });
  return { device, trap, host, probe, transcript, events };
}

function run({ probe, host, device }: ReturnType<typeof setUp>): 'ready' | 'failed' {
  for (let turn = 0; turn < 1000; turn++) {
    const state = probe.step();
    if (state !== 'busy') return state;
    expect([probe.answered, host.requested]).toEqual([false, true]);
    expect(probe.step()).toBe('busy');
    expect(host.serve(device)).toBe(true);
    expect([probe.answered, host.requested, host.serve(device)]).toEqual([true, false, false]);
  }
  throw new Error('the probe does not end');
}

test('the handshake of section 3.1.1 settles features, configuration and queues', () => {
  const setup = setUp();
  expect(run(setup)).toBe('ready');
  expect(setup.probe.device).toEqual({
    offered: OFFERED,
    features: OFFERED,
    mac: MAC,
    mtuBytes: 1500,
    queuePairs: 1,
    queues: [
      { layout: splitLayoutAt(0x4000, 256), notifyOff: 0 },
      { layout: splitLayoutAt(0x6000, 128), notifyOff: 1 },
    ],
  });
  expect(setup.events).toEqual(['stop', 'driverOk']);
  expect(setup.device.acceptedFeatures).toEqual(OFFERED);
  expect(setup.device.queues().map(({ layout, enabled }) => [layout, enabled])).toEqual([
    [splitLayoutAt(0x4000, 256), true],
    [splitLayoutAt(0x6000, 128), true],
  ]);
  expect(setup.transcript.lines().filter((line) => line.includes('device_status'))).toEqual([
    'write device_status = 0 (reset)',
    'read device_status = 0 (reset)',
    'write device_status = ACKNOWLEDGE',
    'write device_status = ACKNOWLEDGE|DRIVER',
    'write device_status = ACKNOWLEDGE|DRIVER|FEATURES_OK',
    'read device_status = ACKNOWLEDGE|DRIVER|FEATURES_OK',
    'write device_status = ACKNOWLEDGE|DRIVER|FEATURES_OK|DRIVER_OK',
    'read device_status = ACKNOWLEDGE|DRIVER|FEATURES_OK|DRIVER_OK',
  ]);
  expect(setup.transcript.lines()).toEqual(
    expect.arrayContaining([
      'read device_feature[0] = 0x30018028',
      'write driver_feature[1] = 0x5',
      'read mac[5] = 86',
      'write queue[1].queue_size = 128',
      'write queue[1].queue_desc.lo = 0x6000',
      'write queue[1].queue_enable = 1',
    ]),
  );
});

test('a device that refuses the features makes the driver say FAILED', () => {
  const offered = f.featureSet(f.VIRTIO_F_VERSION_1, f.VIRTIO_F_EVENT_IDX, f.VIRTIO_NET_F_MQ);
  const setup = setUp({ offered });
  const greedy = new GuestProbe(setup.trap, {
    wanted: offered,
    queueSizes: () => [8, 8],
    placeQueue: (_, queueSize) => splitLayoutAt(0, queueSize),
  });
  expect(run({ ...setup, probe: greedy })).toBe('failed');
  expect(greedy.failure).toBe('the device did not accept the features');
  expect(setup.transcript.lines()).toContain(
    'write device_status = ACKNOWLEDGE|DRIVER|FEATURES_OK: ignored, FEATURES_OK refused: MQ needs CTRL_VQ',
  );
  expect(setup.device.deviceStatus).toBe(regs.STATUS_ACKNOWLEDGE | regs.STATUS_DRIVER | regs.STATUS_FAILED);
  expect(setup.events).toEqual(['stop', 'stop']);
});

test.each([
  ['a legacy device', { offered: f.featureSet(f.VIRTIO_F_EVENT_IDX) }, 'the device does not offer VERSION_1'],
  ['more queues than the device has', { queueSizes: [8, 8, 8] }, 'the device has 2 queues, the driver wants 3'],
  ['rings outside guest memory', { place: 0x100000 }, 'the device did not enable queue 0'],
  ['a wanted size of zero', { queueSizes: [0, 8] }, 'queue 0 is not available'],
])('%s fails the probe with a reason', (_, options, reason) => {
  const setup = setUp(options);
  expect(run(setup)).toBe('failed');
  expect(setup.probe.failure).toBe(reason);
  expect(setup.device.deviceStatus & regs.STATUS_FAILED).toBe(regs.STATUS_FAILED);
  expect(setup.events).not.toContain('driverOk');
});

test('the driver takes only what it knows: without MAC and MTU it reads neither', () => {
  const setup = setUp({ wanted: f.featureSet(f.VIRTIO_F_VERSION_1) });
  expect(run(setup)).toBe('ready');
  expect(setup.probe.device).toMatchObject({ mac: null, mtuBytes: null, features: f.featureSet(f.VIRTIO_F_VERSION_1) });
});

test('a configuration that changes while it is read is read again', () => {
  const setup = setUp();
  let changed = false;
  for (let state = setup.probe.step(); state === 'busy'; state = setup.probe.step()) {
    setup.host.serve(setup.device);
    if (!changed && setup.transcript.lines().at(-1) === 'read mac[2] = 0') {
      setup.device.setLinkUp(false);
      changed = true;
    }
  }
  expect(setup.transcript.lines().filter((line) => line.startsWith('read mac[0]'))).toHaveLength(2);
  expect(setup.device.read(regs.NET_STATUS_BYTE, 2)).toBe(0);
});

test('what a driver must not do changes nothing and is written down', () => {
  const { device, transcript } = setUp();
  const refused = (offset: number, width: number, value: number): string => {
    device.write(offset, width, value);
    return transcript.lines().at(-1)!;
  };
  const status = regs.DEVICE_STATUS_BYTE;
  expect(refused(status, 1, 2)).toContain('ignored, ACKNOWLEDGE comes first');
  device.write(status, 1, 1);
  expect(refused(status, 1, 1 | 8)).toContain('ignored, DRIVER comes first');
  device.write(status, 1, 3);
  expect(refused(status, 1, 3 | 4)).toContain('ignored, FEATURES_OK comes first');
  expect(refused(status, 1, 1)).toContain('ignored, only a reset clears DRIVER');
  expect(refused(regs.QUEUE_SIZE_BYTE, 2, 8)).toContain('ignored, features are not agreed yet');
  device.write(regs.DRIVER_FEATURE_SELECT_BYTE, 4, 2);
  expect(refused(regs.DRIVER_FEATURE_BYTE, 4, 1)).toContain('only feature words 0 and 1 exist');
  device.write(regs.DRIVER_FEATURE_SELECT_BYTE, 4, 1);
  device.write(regs.DRIVER_FEATURE_BYTE, 4, 1);
  device.write(status, 1, 11);
  expect(device.deviceStatus).toBe(11);
  expect(refused(regs.DRIVER_FEATURE_BYTE, 4, 0)).toContain('FEATURES_OK is set already');
  expect(refused(regs.QUEUE_SIZE_BYTE, 2, 512)).toContain('a power of two up to 256');
  expect(refused(regs.QUEUE_SIZE_BYTE, 2, 100)).toContain('a power of two up to 256');
  expect(refused(regs.QUEUE_ENABLE_BYTE, 2, 0)).toContain('may only write 1');
  device.write(regs.QUEUE_DRIVER_BYTE, 4, 0x1001);
  expect(refused(regs.QUEUE_ENABLE_BYTE, 2, 1)).toContain('available ring at 0x1001 is not aligned to 2 bytes');
  device.write(regs.QUEUE_DRIVER_BYTE, 4, 0x1000);
  device.write(regs.QUEUE_DEVICE_BYTE, 4, 0x2000);
  device.write(regs.QUEUE_DEVICE_BYTE + 4, 4, 1);
  expect(refused(regs.QUEUE_ENABLE_BYTE, 2, 1)).toContain('more than 32 bits');
  device.write(regs.QUEUE_DEVICE_BYTE + 4, 4, 0);
  device.write(regs.QUEUE_ENABLE_BYTE, 2, 1);
  expect(device.read(regs.QUEUE_ENABLE_BYTE, 2)).toBe(1);
  expect(refused(regs.QUEUE_DESC_BYTE, 4, 0)).toContain('enabled already');
  device.write(regs.QUEUE_SELECT_BYTE, 2, 2);
  expect(device.read(regs.QUEUE_SIZE_BYTE, 2)).toBe(0);
  expect(refused(regs.QUEUE_SIZE_BYTE, 2, 8)).toContain('there is no queue 2');
  expect(refused(regs.NET_MTU_BYTE, 2, 9000)).toContain('read-only');
  expect(refused(status, 4, 15)).toContain('no register of 4 bytes');
  expect(refused(-4, 4, 1)).toContain('no register of 4 bytes');
  expect(device.read(0x9999, 4)).toBe(0xffffffff);
});

test('a device that needs a reset says so until it gets one', () => {
  const setup = setUp();
  run(setup);
  setup.device.needsReset('a virtqueue broke');
  expect(setup.device.deviceStatus & regs.STATUS_NEEDS_RESET).toBe(regs.STATUS_NEEDS_RESET);
  setup.device.write(regs.DEVICE_STATUS_BYTE, 1, 0);
  expect(setup.device.deviceStatus).toBe(0);
  expect(setup.device.queues().some((queue) => queue.enabled)).toBe(false);
  expect(setup.events).toEqual(['stop', 'driverOk', 'stop']);
});

test('one access at a time', () => {
  const { trap, host, device } = setUp();
  trap.postRead(regs.NUM_QUEUES_BYTE, 2);
  expect(() => trap.postRead(regs.NUM_QUEUES_BYTE, 2)).toThrow('still under way');
  expect(trap.poll()).toBe(false);
  host.serve(device);
  expect([trap.poll(), trap.value, trap.poll()]).toEqual([true, 2, false]);
});
