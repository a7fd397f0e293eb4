import { describe, expect, test } from 'vitest';
import { VHOST_PORTS } from '../../../actors/host/vhost-links.ts';
import type { VirtioNicLink } from '../../../actors/guest/drivers/virtio-net.ts';
import { ETH_HEADER_BYTES } from '../../../src/net/wire/ethernet.ts';
import { ipv4ChecksumOk } from '../../../src/net/wire/checksum.ts';
import { NET_HEADER_BYTES } from '../../../src/virtio/net/net-header.ts';
import { GuestBed } from '../../support/guest-bed.ts';

const RX = 0;
const TX = 1;
const IP = ETH_HEADER_BYTES;
const times = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

describe('probe, through the VMM', () => {
  test('both vNICs come up on both vCPUs, the receive ring full', () => {
    const g = new GuestBed().bringUp();
    expect([g.queue(0, RX).availCount(), g.queue(1, RX).availCount()]).toEqual([256, 256]);
    expect(g.buffers).toEqual(g.allBuffers);
  });

  test('the exchange is in the order of the driver and of QEMU', () => {
    const g = new GuestBed().bringUp();
    const lines = g.vmm.report().map((line) => line.replace(/^\S+ (?=\S+:)/, ''));
    const ioctls = lines.filter((line) => line.startsWith('ioctl(vhost-vnic0'));
    expect(ioctls.map((line) => /VHOST_\w+/.exec(line)![0])).toEqual([
      'VHOST_SET_OWNER',
      'VHOST_GET_FEATURES',
      'VHOST_SET_FEATURES',
      'VHOST_SET_MEM_TABLE',
      ...[0, 1].flatMap(() => ['NUM', 'BASE', 'ADDR', 'KICK', 'CALL'].map((what) => `VHOST_SET_VRING_${what}`)),
      'VHOST_NET_SET_BACKEND',
      'VHOST_NET_SET_BACKEND',
    ]);
    expect(ioctls.every((line) => !line.includes('= -1'))).toBe(true);
  });

  test('a frame forwarded to a vNIC that another vCPU brought up meanwhile is not lost', () => {
    const g = new GuestBed().bringUp();
    // vNIC 1 was published by vCPU 1 at its last poll; vCPU 0 has not looked since.
    g.deliver(0, [g.frame(0)]);
    g.vcpus[0].poll(64, 0);
    expect(g.counts(0)).toMatchObject({ rx_packets: 1, tx_packets: 1 });
  });
});

test('a vNIC announces its address when it comes up and again before the bridges forget it', () => {
  const g = new GuestBed().bringUp();
  expect(g.bed.counts(g.vcpus[1])).toMatchObject({ announcements: 1, tx_packets: 1 });
  g.vcpus[1].poll(64, 59e9);
  g.vcpus[1].poll(64, 61e9);
  g.vcpus[1].poll(64, 62e9);
  expect(g.counts(1)).toMatchObject({ announcements: 1, tx_packets: 1 });
  const [arp] = g.collect(1).frames;
  expect([...arp.slice(NET_HEADER_BYTES, NET_HEADER_BYTES + 6)]).toEqual(new Array(6).fill(0xff));
  expect(g.bed.held(g.vcpus[1])).toBe(0);
  expect(g.buffers).toEqual(g.allBuffers);
});

describe('forwarding', () => {
  test('a frame goes in by one vNIC and out by the other, rewritten, in the buffer it came in', () => {
    const g = new GuestBed().bringUp();
    g.deliver(0, [g.frame(0)]);
    expect(g.vcpus[0].poll(64, 0)).toBe(1);
    const [out] = g.collect(1).frames;
    expect(out.length).toBe(60 + NET_HEADER_BYTES);
    expect([...out.slice(0, NET_HEADER_BYTES)]).toEqual(new Array(NET_HEADER_BYTES).fill(0));
    const frame = out.slice(NET_HEADER_BYTES);
    expect(frame[IP + 8]).toBe(63);
    expect(ipv4ChecksumOk(frame, IP, 20)).toBe(true);
    expect(g.counts(0)).toMatchObject({ rx_packets: 1, rx_bytes: 60, tx_packets: 1, tx_kicks: 1 });
    expect(g.bed.held(g.vcpus[0])).toBe(0);
    expect(g.buffers).toEqual(g.allBuffers);
  });

  test('a frame dropped by the function gives its buffer back', () => {
    const g = new GuestBed().bringUp();
    g.deliver(0, [g.frame(0, 0, 1), g.frame(0, 1)]);
    g.vcpus[0].poll(64, 0);
    expect(g.counts(0)).toMatchObject({ rx_packets: 2, tx_packets: 1, nf_ttl_exceeded: 1 });
    expect(g.bed.held(g.vcpus[0])).toBe(0);
    expect(g.buffers).toEqual(g.allBuffers);
  });

  test('nf_errors: the function names a vNIC that is not there', () => {
    const g = new GuestBed().bringUp();
    g.vcpus[0].detach({ port: 'nic', index: 1 });
    g.deliver(0, [g.frame(0)]);
    g.vcpus[0].poll(64, 0);
    expect(g.counts(0)).toMatchObject({ rx_packets: 1, nf_errors: 1 });
    expect(g.bed.held(g.vcpus[0])).toBe(0);
    expect(g.buffers).toEqual(g.allBuffers);
  });

  test.each([
    ['shorter than an Ethernet header', NET_HEADER_BYTES + 13],
    ['shorter than the virtio header', 3],
    ['longer than the buffer', 1527],
  ])('rx_length_errors: the device says it wrote a frame %s', (_, bytes) => {
    const g = new GuestBed().bringUp();
    const queue = g.queue(0, RX);
    queue.availCount();
    queue.pushUsed(queue.pop(), bytes);
    queue.publishUsed();
    g.vcpus[0].poll(64, 0);
    expect(g.counts(0)).toMatchObject({ rx_packets: 1, rx_length_errors: 1 });
    expect(g.bed.held(g.vcpus[0])).toBe(0);
    expect(g.buffers).toEqual(g.allBuffers);
  });

  test('a used entry that names no posted buffer is not counted as a frame', () => {
    const g = new GuestBed().bringUp();
    const queue = g.queue(0, RX);
    queue.availCount();
    queue.pushUsed(queue.pop(), 72);
    queue.pushUsed(9999, 72);
    queue.publishUsed();
    g.vcpus[0].poll(64, 0);
    expect(g.counts(0)['rx_packets']).toBe(1);
    expect(g.bed.held(g.vcpus[0])).toBe(0);
  });
});

describe('receive buffers', () => {
  test('are refilled when fewer than half of the ring are posted, with one kick', () => {
    const g = new GuestBed().bringUp();
    const posted: number[] = [];
    for (const n of [64, 63, 1, 1]) {
      expect(
        g.deliver(
          0,
          times(n).map((i) => g.frame(0, i)),
        ),
      ).toBe(n);
      for (let i = 0; i < n; i += 64) g.vcpus[0].poll(64, 0);
      posted.push(g.queue(0, RX).availCount());
    }
    // 128 of 256 posted is not fewer than half (virtnet_poll: num < max / 2); 127 is.
    expect(posted).toEqual([192, 129, 128, 256]);
  });
});

describe('transmission', () => {
  /** Frames in by vNIC 0, with the device of vNIC 1 not taking any. */
  function fillUp(g: GuestBed, frames: number): void {
    for (let sent = 0; sent < frames;) {
      sent += g.deliver(
        0,
        times(Math.min(64, frames - sent)).map((i) => g.frame(0, sent + i)),
      );
      g.vcpus[0].poll(64, 0);
    }
  }

  test('stops when fewer than 2 + MAX_SKB_FRAGS descriptors are left, then queues; full, it drops', () => {
    const g = new GuestBed().bringUp();
    const inRing = 256 - 18;
    const qdisc = nicOf(g, 1).pairs[0].tx.qdiscFrames;
    fillUp(g, inRing + qdisc);
    expect(g.queue(1, TX).availCount()).toBe(inRing);
    expect(g.counts(0)['tx_qdisc_dropped']).toBeUndefined();
    fillUp(g, 5);
    expect(g.counts(0)).toMatchObject({ tx_packets: inRing, tx_qdisc_dropped: 5 });
    expect(g.bed.held(g.vcpus[0])).toBe(qdisc);
    expect(g.bed.census(g.vcpus[0]).frames).toBe(qdisc);
    expect(g.buffers).toEqual(g.allBuffers);
  });

  test('works with the shortest queue that a scenario may ask for', () => {
    const g = new GuestBed(['vms.0.nics.0.queueSize=32', 'vms.0.nics.1.queueSize=32']).bringUp();
    g.deliver(0, [g.frame(0, 0)]);
    g.vcpus[0].poll(64, 0);
    fillUp(g, 40);
    expect(g.queue(1, TX).availCount()).toBe(32 - 18);
    expect(g.collect(1).frames).toHaveLength(32 - 18);
  });

  test('goes on, in order, as the device returns descriptors, and no buffer is lost', () => {
    const g = new GuestBed().bringUp();
    fillUp(g, 600);
    const out: number[] = [];
    for (let turn = 0; turn < 20; turn++) {
      for (const frame of g.collect(1, 100).frames)
        out.push(frame[NET_HEADER_BYTES + 50] * 256 + frame[NET_HEADER_BYTES + 51]);
      g.vcpus[0].poll(64, 0);
    }
    expect(out).toEqual(times(600));
    expect(g.bed.held(g.vcpus[0])).toBe(0);
    expect(g.buffers).toEqual(g.allBuffers);
  });

  test('a vCPU that waits for descriptors asks for a call, and the call for that vNIC would wake it', () => {
    const g = new GuestBed().bringUp();
    fillUp(g, 300);
    expect(g.vcpus[0].arm()).toBe(true);
    expect(g.collect(1).call).toBe(true);
    // vNIC 1 belongs to vCPU 1; its transmit calls go to everyone who may wait for it.
    const { callDoorbells } = g.bed.link('vhost-vnic1', VHOST_PORTS.guest);
    const threads = g.bed.plan.threads
      .filter(({ kind }) => kind === 'vcpu')
      .map(({ doorbell }) => doorbell.offsetBytes);
    expect(callDoorbells[TX].map(({ offsetBytes }) => offsetBytes)).toEqual(threads);
    expect(callDoorbells[RX].map(({ offsetBytes }) => offsetBytes)).toEqual(threads.slice(1));
  });

  test.each([['event-idx'], ['indirect-desc']])(
    'another vCPU that uses the ring meanwhile does not take the request back (%s)',
    (feature) => {
      const g = new GuestBed([`vms.0.nics.1.features=[${feature}]`]).bringUp();
      fillUp(g, 300);
      expect(g.vcpus[0].arm()).toBe(true);
      // vCPU 1 sends a frame of its own out of vNIC 1: one received there whose destination is behind it.
      g.collect(1, 30);
      const hairpin = g.frame(0, 7);
      hairpin.set(g.frame(1).slice(0, 6), 0);
      g.deliver(1, [hairpin]);
      g.vcpus[1].poll(64, 0);
      expect(g.counts(1)['tx_packets']).toBe(1);
      expect(g.collect(1).call).toBe(true);
    },
  );

  test('two vCPUs share one ring under its lock; the one that finds it taken comes back', () => {
    const g = new GuestBed().bringUp();
    const lock = g.bed.memory.words(nicOf(g, 1).pairs[0].tx.lock);
    lock[0] = 1;
    g.deliver(0, [g.frame(0)]);
    g.vcpus[0].poll(64, 0);
    expect(g.counts(0)).toMatchObject({ rx_packets: 1, tx_lock_contended: 1 });
    expect(g.bed.held(g.vcpus[0])).toBe(1);
    expect(g.vcpus[0].arm()).toBe(false);
    lock[0] = 0;
    g.vcpus[0].poll(64, 0);
    expect(g.counts(0)['tx_packets']).toBe(1);
    expect(g.bed.held(g.vcpus[0])).toBe(0);
  });
});

function nicOf(g: GuestBed, vnic: number): VirtioNicLink['nic'] {
  return g.bed.virtioLink('vm0/vcpu0', vnic).nic;
}
