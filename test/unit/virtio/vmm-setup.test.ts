import { expect, test } from 'vitest';
import { dumpPackedRing } from '../../../src/virtio/ring/dump-packed.ts';
import { dumpVring } from '../../../src/virtio/ring/dump-vring.ts';
import {
  deviceOfferedFeatures,
  featureSet,
  featuresWithout,
  VHOST_NET_FEATURES,
  VIRTIO_F_RING_PACKED,
  VIRTIO_F_VERSION_1,
} from '../../../src/virtio/net/features.ts';
import { splitLayoutAt } from '../../../src/virtio/ring/split-layout.ts';
import { Transcript } from '../../../src/virtio/pci/transcript.ts';
import { VhostDevice } from '../../../src/virtio/vhost/vhost-device.ts';
import * as io from '../../../src/virtio/vhost/vhost-ioctl.ts';
import {
  VHOST_MAILBOX_WORDS,
  VhostMailboxClient,
  VhostMailboxServer,
} from '../../../src/virtio/vhost/vhost-mailbox.ts';
import { VhostSetup } from '../../../src/virtio/pci/vmm-setup.ts';
import { INDIRECT, MOCK_LAYOUT, MockDriver, NEXT, WRITE } from '../../support/mock-driver.ts';
import { AVAIL, MOCK_PACKED_LAYOUT, MockPackedDriver, USED } from '../../support/mock-packed-driver.ts';

const MEMORY_BYTES = 0x100000;

function setUp() {
  const words = new Int32Array(new SharedArrayBuffer(4 * (VHOST_MAILBOX_WORDS + 8)));
  const events: string[] = [];
  const device: VhostDevice = new VhostDevice(MEMORY_BYTES, {
    attach: (index) => events.push(`attach ${index}`),
    detach: (index) => {
      events.push(`detach ${index}`);
      return 100 + index;
    },
    lastAvailIdx: (index) => index,
  });
  const client = new VhostMailboxClient(words, 8);
  const server = new VhostMailboxServer(words, 8);
  const transcript = new Transcript();
  const setup = new VhostSetup(client, 'vhost0', transcript);
  return { words, device, client, server, transcript, setup, events };
}

function run({ setup, server, device }: ReturnType<typeof setUp>): string {
  for (let turn = 0; turn < 200; turn++) {
    const state = setup.step();
    if (state !== 'busy') return state;
    expect([setup.answered, server.requested]).toEqual([false, true]);
    expect(setup.step()).toBe('busy');
    server.serve(device);
    expect([setup.answered, server.requested]).toEqual([true, false]);
  }
  throw new Error('the sequence does not end');
}

const ring = (at: number, kick: number) => ({ layout: splitLayoutAt(at, 256), base: 0, kick, call: kick + 1 });
const START = {
  accepted: featuresWithout(deviceOfferedFeatures(VHOST_NET_FEATURES), featureSet(VIRTIO_F_RING_PACKED)),
  regions: [{ addr: 0, sizeBytes: MEMORY_BYTES }],
  rings: [ring(0x4000, 10), ring(0x8000, 20)],
  backend: 3,
};

test("QEMU's order of calls, from creation to stop", () => {
  const bench = setUp();
  bench.setup.init();
  expect(run(bench)).toBe('ready');
  expect(bench.setup.features).toEqual(VHOST_NET_FEATURES);
  bench.setup.start(START);
  expect(run(bench)).toBe('ready');
  expect(bench.device.vring(1)).toMatchObject({ num: 256, base: 0, descAddr: 0x8000, kick: 20, call: 21, backend: 3 });
  bench.setup.stop(2);
  expect(run(bench)).toBe('ready');
  expect(bench.setup.bases).toEqual([100, 101]);
  expect(bench.events).toEqual(['attach 0', 'attach 1', 'detach 0', 'detach 1']);
  expect(bench.transcript.lines()).toEqual([
    'ioctl(vhost0, VHOST_SET_OWNER) = 0',
    'ioctl(vhost0, VHOST_GET_FEATURES [MRG_RXBUF|NOTIFY_ON_EMPTY|ANY_LAYOUT|INDIRECT_DESC|EVENT_IDX|VERSION_1|RING_PACKED]) = 0',
    'ioctl(vhost0, VHOST_SET_FEATURES MRG_RXBUF|INDIRECT_DESC|EVENT_IDX|VERSION_1) = 0',
    'ioctl(vhost0, VHOST_SET_MEM_TABLE {0x0+0x100000}) = 0',
    'ioctl(vhost0, VHOST_SET_VRING_NUM {index 0, num 256}) = 0',
    'ioctl(vhost0, VHOST_SET_VRING_BASE {index 0, num 0}) = 0',
    'ioctl(vhost0, VHOST_SET_VRING_ADDR {index 0, desc 0x4000, avail 0x5000, used 0x5208}) = 0',
    'ioctl(vhost0, VHOST_SET_VRING_KICK {index 0, fd 10}) = 0',
    'ioctl(vhost0, VHOST_SET_VRING_CALL {index 0, fd 11}) = 0',
    'ioctl(vhost0, VHOST_SET_VRING_NUM {index 1, num 256}) = 0',
    'ioctl(vhost0, VHOST_SET_VRING_BASE {index 1, num 0}) = 0',
    'ioctl(vhost0, VHOST_SET_VRING_ADDR {index 1, desc 0x8000, avail 0x9000, used 0x9208}) = 0',
    'ioctl(vhost0, VHOST_SET_VRING_KICK {index 1, fd 20}) = 0',
    'ioctl(vhost0, VHOST_SET_VRING_CALL {index 1, fd 21}) = 0',
    'ioctl(vhost0, VHOST_NET_SET_BACKEND {index 0, fd 3}) = 0',
    'ioctl(vhost0, VHOST_NET_SET_BACKEND {index 1, fd 3}) = 0',
    'ioctl(vhost0, VHOST_NET_SET_BACKEND {index 0, fd -1}) = 0',
    'ioctl(vhost0, VHOST_NET_SET_BACKEND {index 1, fd -1}) = 0',
    'ioctl(vhost0, VHOST_GET_VRING_BASE {index 0, num [100]}) = 0',
    'ioctl(vhost0, VHOST_GET_VRING_BASE {index 1, num [101]}) = 0',
  ]);
});

test('a refused call ends the sequence with its reason', () => {
  const bench = setUp();
  bench.setup.start(START);
  expect(run(bench)).toBe('failed');
  expect(bench.setup.failure).toBe('VHOST_SET_FEATURES before VHOST_SET_OWNER: the caller must own the device first');
  expect(bench.transcript.lines()).toHaveLength(1);
  bench.setup.init();
  expect(run(bench)).toBe('ready');
});

test('a ring that gets no backend takes the backend from the rings before it', () => {
  const bench = setUp();
  bench.setup.init();
  run(bench);
  bench.setup.start({ ...START, rings: [START.rings[0], { ...START.rings[1], call: -1 }] });
  expect(run(bench)).toBe('failed');
  expect(bench.setup.failure).toContain('VHOST_SET_VRING_CALL missing');
  expect(bench.events).toEqual(['attach 0', 'detach 0']);
});

test('the mailbox carries every command unchanged, one at a time', () => {
  const { client, server, device, words } = setUp();
  expect(client.poll()).toBeNull();
  client.post({ ioctl: io.VHOST_SET_OWNER });
  expect(() => client.post({ ioctl: io.VHOST_SET_OWNER })).toThrow('still under way');
  server.serve(device);
  expect(server.serve(device)).toBe(false);
  expect(client.poll()!.result).toBe(0);
  const features = featureSet(VIRTIO_F_VERSION_1, 31);
  client.post({ ioctl: io.VHOST_SET_FEATURES, features });
  server.serve(device);
  expect(client.poll()).toMatchObject({ result: -io.EOPNOTSUPP, reason: io.REASON_FEATURES_UNKNOWN });
  const regions = Array.from({ length: 64 }, (_, i) => ({ addr: i * 0x2000, sizeBytes: 0x1000 }));
  client.post({ ioctl: io.VHOST_SET_MEM_TABLE, regions: regions.slice(0, 64) });
  server.serve(device);
  expect(client.poll()!.result).toBe(0);
  expect(device.regions).toEqual(regions);
  client.post({ ioctl: io.VHOST_GET_FEATURES });
  words[8 + 1] = 0x1234;
  server.serve(device);
  expect(client.poll()).toMatchObject({ result: -io.ENOTTY, reason: io.REASON_UNKNOWN_IOCTL });
});

test('a packed ring is dumped as it lies: events, and the descriptors before the next one', () => {
  const guest = new MockPackedDriver(7);
  guest.offer(0x2000, 12, 3, NEXT);
  guest.offer(0x3000, 48, 3, WRITE);
  for (let slot = 1; slot < 7; slot++) guest.descAt(0x1000 + slot * 16, 0, 60, slot, AVAIL | USED);
  guest.setDriverEvent(1, 0, 2);
  expect(dumpPackedRing(guest.memory, MOCK_PACKED_LAYOUT, 3).split('\n')).toEqual([
    'packed virtqueue, 8 entries: ring 0x1000, driver event 0x1080, device event 0x1084',
    'driver event descriptor 1 wrap 0',
    'device event enable, next available 1 wrap 0',
    '[6] id 6 used in lap 1, 60 bytes',
    '[7] id 3 available in lap 1, 0x2000+12 NEXT',
    '[0] id 3 available in lap 0, 0x3000+48 WRITE',
  ]);
});

test('a vring is dumped with its chains, faults included', () => {
  const guest = new MockDriver();
  guest.desc(0, 0x2000, 12, NEXT, 5);
  guest.desc(5, 0x3000, 48, INDIRECT | WRITE, 0, 1);
  guest.desc(1, 0x2000, 4, NEXT, 9);
  guest.desc(2, 0x2000, 4, NEXT, 2);
  for (const head of [0, 1, 2]) guest.offer(head);
  guest.setUsedEvent(7);
  expect(dumpVring(guest.memory, MOCK_LAYOUT, 3).split('\n')).toEqual([
    'split virtqueue, 8 entries: desc 0x1000, avail 0x1100, used 0x1200',
    'avail flags 0 idx 3 used_event 7',
    'used  flags 0 idx 0 avail_event 0, 3 chains with the device',
    'avail[0] head 0: #0 0x2000+12 NEXT -> #5 0x1:0x3000+48 WRITE INDIRECT',
    'avail[1] head 1: #1 0x2000+4 NEXT -> #9 out of range',
    'avail[2] head 2: #2 0x2000+4 NEXT -> #2 0x2000+4 NEXT -> #2 0x2000+4 NEXT -> #2 0x2000+4 NEXT -> ... loops',
    'used[5] id 0 len 0',
    'used[6] id 0 len 0',
    'used[7] id 0 len 0',
  ]);
});
