/** VIRTIO_NET_F_MRG_RXBUF between the vhost worker and the guest's driver. */
import { describe, expect, test } from 'vitest';
import { ringDepth } from '../../../src/memory/id-ring.ts';
import { buildFrame } from '../../../src/net/traffic/frame-template.ts';
import {
  featureSet,
  VIRTIO_F_EVENT_IDX,
  VIRTIO_F_VERSION_1,
  VIRTIO_NET_F_MRG_RXBUF,
} from '../../../src/virtio/net/features.ts';
import { NET_HEADER_BYTES } from '../../../src/virtio/net/net-header.ts';
import { MERGE_BUFFER_BYTES } from '../../../src/virtio/net/net-queues.ts';
import { PLACED, RxBuffers } from '../../../src/virtio/ring/rx-buffers.ts';
import { ethernet } from '../../support/actor-bed.ts';
import { GuestBed } from '../../support/guest-bed.ts';
import { VhostBed } from '../../support/vhost-bed.ts';

const RX = 0;
const HEADER = NET_HEADER_BYTES;
const frame = (bytes: number): Uint8Array =>
  ethernet('52:54:00:00:00:01', '02:00:00:00:00:01', bytes).map((byte, i) => (i < 14 ? byte : i));

describe.each([
  ['flags', featureSet(VIRTIO_F_VERSION_1, VIRTIO_NET_F_MRG_RXBUF)],
  ['EVENT_IDX', featureSet(VIRTIO_F_VERSION_1, VIRTIO_NET_F_MRG_RXBUF, VIRTIO_F_EVENT_IDX)],
])('vhost, %s', (_, features) => {
  test('a long frame takes several buffers, one behind it its own', () => {
    const v = new VhostBed({}, features);
    const addrs = v.post(5, HEADER + 60);
    v.arrive([frame(200), frame(60)]);
    v.drain();
    expect(v.received()).toEqual([
      { token: addrs[0], bytes: 72 },
      { token: addrs[1], bytes: 72 },
      { token: addrs[2], bytes: 68 },
      { token: addrs[3], bytes: 72 },
    ]);
    expect(v.guest.u8[addrs[0] + 10]).toBe(3);
    expect(v.guest.u8[addrs[3] + 10]).toBe(1);
    expect(v.counts()).toMatchObject({ rx_packets: 2, rx_to_guest: 2 });
    expect(v.bed.held(v.worker)).toBe(0);
  });

  test('with too few buffers the frame waits in the tap, without a busy loop, until a kick brings more', () => {
    const v = new VhostBed({}, features);
    v.post(2, HEADER + 60);
    v.arrive([frame(200)]);
    expect(v.drain()).toEqual([]);
    expect(v.received()).toEqual([]);
    expect(ringDepth(v.bed.memory, v.tap.queue)).toBe(1);
    expect(v.counts()).toMatchObject({ rx_no_buffer_passes: 1 });
    v.post(1, HEADER + 60);
    v.drain();
    expect(v.received().map(({ bytes }) => bytes)).toEqual([72, 72, 68]);
    expect(v.counts()).toMatchObject({ rx_packets: 1, rx_to_guest: 1 });
  });
});

describe('guest', () => {
  const JUMBO = [
    'ports.eth0.mtu=9000',
    'ports.eth1.mtu=9000',
    'vms.vm0.nics.vnic0.features=[event-idx, mrg-rxbuf]',
    'vms.vm0.nics.vnic1.features=[event-idx, mrg-rxbuf, ring-packed]',
  ];

  function jumbo(g: GuestBed, vnic: number, bytes: number): Uint8Array {
    const { spec } = g.bed.planOf(`generator-eth${vnic}`);
    if (spec.kind !== 'generator' || spec.config.sources[0].kind !== 'generated')
      throw new Error('generated traffic only');
    return buildFrame(spec.config.sources[0].flows, bytes + 4, 0, 0);
  }

  /** The device spreads a frame over the guest's buffers. */
  function deliver(g: GuestBed, vnic: number, sent: Uint8Array): void {
    const queue = g.queue(vnic, RX);
    const words = new Int32Array(4096);
    const bytes = new Uint8Array(words.buffer);
    bytes.set(sent);
    queue.availCount();
    const rxBuffers = new RxBuffers(g.guest, words, bytes);
    expect(rxBuffers.place(queue, queue.pop(), 0, sent.length, true)).toBe(PLACED);
    queue.publishUsed();
    if (queue.shouldCall()) g.bells[vnic].unpark();
  }

  test.each([0, 1])('a frame of several buffers is forwarded whole, and every buffer found (from vNIC %i)', (vnic) => {
    const g = new GuestBed(JUMBO).bringUp();
    const sent = jumbo(g, vnic, 8986);
    deliver(g, vnic, sent);
    expect(g.bed.census(g.vcpus[vnic]).frames).toBe(1);
    expect(g.buffers).toEqual(g.allBuffers);
    g.vcpus[vnic].poll(64, 0);
    const { frames } = g.collect(1 - vnic);
    expect(frames.length).toBe(1);
    // The router changed addresses, TTL and header checksum; the rest is as it was.
    expect([...frames[0].slice(HEADER + 34)]).toEqual([...sent.slice(34)]);
    expect(g.counts(vnic)).toMatchObject({ rx_packets: 1, tx_packets: 1 });
    expect(g.buffers).toEqual(g.allBuffers);
  });

  test('buffers of ordinary size are posted, whatever the MTU', () => {
    const g = new GuestBed(JUMBO).bringUp();
    const queue = g.queue(0, RX);
    expect(queue.availCount()).toBe(256);
    queue.pop();
    expect(queue.writableBytes).toBe(MERGE_BUFFER_BYTES);
  });

  test('rx_length_errors: a header that promises more buffers than there are', () => {
    const g = new GuestBed(JUMBO).bringUp();
    const sent = jumbo(g, 0, 60);
    expect(g.deliver(0, [sent])).toBe(1);
    const addr = g.queue(0, RX).chainAddr[0];
    g.guest.u8[addr + 10] = 5;
    g.vcpus[0].poll(64, 0);
    expect(g.counts(0)).toMatchObject({ rx_packets: 1, rx_length_errors: 1 });
    expect(g.buffers).toEqual(g.allBuffers);
  });

  test('rx_length_errors: buffers that add up to more than a frame may have', () => {
    const g = new GuestBed([...JUMBO, 'ports.eth0.mtu=1500', 'ports.eth1.mtu=1500']).bringUp();
    const sent = jumbo(g, 0, 3000);
    deliver(g, 0, sent);
    g.vcpus[0].poll(64, 0);
    expect(g.counts(0)).toMatchObject({ rx_packets: 1, rx_length_errors: 1 });
    expect(g.buffers).toEqual(g.allBuffers);
  });
});
