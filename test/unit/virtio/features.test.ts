import { expect, test } from 'vitest';
import * as f from '../../../src/virtio/net/features.ts';
import { GuestMemory } from '../../../src/virtio/guest/guest-memory.ts';
import { netHeaderIsPlain, writeNetHeader } from '../../../src/virtio/net/net-header.ts';
import { Transcript } from '../../../src/virtio/pci/transcript.ts';

test('bits cross the word boundary and are named', () => {
  const set = f.featureSet(f.VIRTIO_NET_F_MAC, 31, f.VIRTIO_F_VERSION_1, 63);
  expect(set).toEqual({ lo: 0x80000020, hi: 0x80000001 });
  expect(f.featureNames(set)).toBe('MAC|bit31|VERSION_1|bit63');
  expect(f.featureNames(f.NO_FEATURES)).toBe('none');
  expect([f.hasFeature(set, 31), f.hasFeature(set, 33)]).toEqual([true, false]);
});

test('a modern device shows no legacy bit of vhost and adds what the VMM does', () => {
  expect(f.featureNames(f.deviceOfferedFeatures(f.VHOST_NET_FEATURES))).toBe(
    'MTU|MAC|MRG_RXBUF|STATUS|INDIRECT_DESC|EVENT_IDX|VERSION_1|RING_PACKED',
  );
});

test('FEATURES_OK is refused for strangers, for legacy drivers and for unmet requirements', () => {
  const all = { lo: 0xffffffff, hi: 0xffffffff };
  const v1 = f.VIRTIO_F_VERSION_1;
  expect(f.featuresRefusal(f.featureSet(v1), f.featureSet(v1, f.VIRTIO_F_EVENT_IDX))).toBe('EVENT_IDX was not offered');
  expect(f.featuresRefusal(all, f.featureSet(f.VIRTIO_F_EVENT_IDX))).toBe('VERSION_1 was not accepted');
  expect(f.featuresRefusal(all, f.featureSet(v1, f.VIRTIO_NET_F_MQ))).toBe('MQ needs CTRL_VQ');
  expect(f.featuresRefusal(all, f.featureSet(v1, f.VIRTIO_NET_F_GUEST_ECN))).toBe(
    'GUEST_ECN needs GUEST_TSO4 or GUEST_TSO6',
  );
  expect(f.featuresRefusal(all, f.featureSet(v1, f.VIRTIO_NET_F_MQ, f.VIRTIO_NET_F_CTRL_VQ))).toBeNull();
});

test('virtio_net_hdr_v1 at any alignment: all zero but num_buffers 1', () => {
  for (const addr of [16, 17, 18, 19]) {
    const memory = new GuestMemory(new SharedArrayBuffer(64));
    memory.u8.fill(0xaa);
    writeNetHeader(memory, addr);
    const expected = new Array<number>(64).fill(0xaa).fill(0, addr, addr + 12);
    expected[addr + 10] = 1;
    expect([...memory.u8]).toEqual(expected);
    expect(netHeaderIsPlain(memory, addr)).toBe(true);
    memory.u8[addr] = 1;
    expect(netHeaderIsPlain(memory, addr)).toBe(false);
    memory.u8[addr] = 0;
    memory.u8[addr + 1] = 1;
    expect(netHeaderIsPlain(memory, addr)).toBe(false);
  }
});

test('a transcript keeps the newest lines and counts the rest', () => {
  const transcript = new Transcript(2);
  for (const line of ['a', 'b', 'c', 'd']) transcript.add(line);
  expect(transcript.lines()).toEqual(['... 2 earlier lines', 'c', 'd']);
});
