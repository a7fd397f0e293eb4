import { describe, expect, test } from 'vitest';
import { Doorbell } from '../../../src/memory/doorbell.ts';
import { FRAME_BYTES_STANDARD } from '../../../src/memory/frame-room.ts';
import { BacklogLength } from '../../../src/kernel/backlog-length.ts';
import { ringDepth } from '../../../src/memory/id-ring.ts';
import { flowHash } from '../../../src/net/wire/flow-hash.ts';
import { TapFlows } from '../../../src/kernel/tap-flows.ts';
import { ethernet, poolIds, sorted } from '../../support/actor-bed.ts';
import { NO_EVENT_IDX, VHOST, VhostBed, WITH_EVENT_IDX } from '../../support/vhost-bed.ts';

const A = '02:00:00:00:00:0a';
const B = '02:00:00:00:00:0b';
const RX = 0;
const TX = 1;
const HEADER = 12;
const frame = (bytes = 60): Uint8Array => ethernet(A, B, bytes).map((byte, i) => byte ^ i);
const frames = (n: number, bytes = 60): Uint8Array[] => Array.from({ length: n }, () => frame(bytes));

describe('receive', () => {
  test.each([60, 61, 62, 63, 1514])('a frame of %i bytes reaches the guest behind a plain header', (bytes) => {
    const v = new VhostBed();
    const [addr] = v.post(1);
    v.guest.u8.fill(0xee, addr, addr + 2112);
    const [id] = v.arrive([frame(bytes)]);
    v.drain();
    expect(v.received()).toEqual([{ token: addr, bytes: HEADER + bytes }]);
    expect([...v.guest.u8.slice(addr, addr + HEADER)]).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0]);
    expect(v.guest.u8.slice(addr + HEADER, addr + HEADER + bytes)).toEqual(frame(bytes));
    expect(v.guest.u8[addr + HEADER + bytes]).toBe(0xee);
    expect(v.bed.returned(0)).toEqual([id]);
    expect(v.counts()).toMatchObject({ rx_packets: 1, rx_to_guest: 1 });
    expect(v.bed.held(v.worker)).toBe(0);
  });

  test.each([
    ['one unaligned buffer', [[1, 100]]],
    [
      'a header of its own',
      [
        [0, 12],
        [64, 100],
      ],
    ],
    [
      'a header split in two',
      [
        [0, 5],
        [64, 7],
        [128, 100],
      ],
    ],
    [
      'a frame over three buffers',
      [
        [0, 20],
        [65, 3],
        [130, 100],
      ],
    ],
  ] as [string, [number, number][]][])('chained and unaligned: %s', (_, pieces) => {
    const v = new VhostBed();
    const base = v.buffers[0];
    const addrs = Int32Array.from(pieces, ([offset]) => base + offset);
    const lens = Int32Array.from(pieces, ([, bytes]) => bytes);
    v.rx.addChain(addrs, lens, 0, pieces.length, 5);
    v.publish(RX);
    v.arrive([frame()]);
    v.drain();
    expect(v.received()).toEqual([{ token: 5, bytes: 72 }]);
    const got = pieces.flatMap(([offset, bytes]) => [...v.guest.u8.slice(base + offset, base + offset + bytes)]);
    expect(got.slice(0, 72)).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, ...frame()]);
  });

  test('rx_truncated: a frame longer than the posted buffer is discarded, the buffer stays for the next', () => {
    const v = new VhostBed();
    const [addr] = v.post(1, HEADER + 60);
    const ids = v.arrive([frame(61), frame(60)]);
    v.drain();
    expect(v.received()).toEqual([{ token: addr, bytes: 72 }]);
    expect(v.counts()).toMatchObject({ rx_packets: 2, rx_to_guest: 1, rx_truncated: 1 });
    expect(v.bed.returned(0)).toEqual(ids);
    expect(v.bed.held(v.worker)).toBe(0);
  });

  test('without a buffer the frame stays in the tap; a kick brings it in', () => {
    const v = new VhostBed();
    v.arrive([frame(), frame()]);
    expect(v.drain()).toEqual([]);
    expect(ringDepth(v.bed.memory, v.tap.queue)).toBe(2);
    expect(v.counts()).toMatchObject({ rx_no_buffer_passes: 1 });
    // Each further frame of the tap costs one more futile pass (vhost_poll_wakeup, v3.13).
    v.arrive([frame()]);
    v.drain();
    expect(v.counts()).toMatchObject({ rx_no_buffer_passes: 2 });
    v.post(3);
    expect(v.drain()).toEqual([3]);
    expect(v.received().length).toBe(3);
  });

  test('byte weight: a pass of exactly as many frames as reach it, then to the tail behind a waiting transmission', () => {
    const v = new VhostBed({ byteWeight: 10 * (60 + HEADER), packetWeight: Infinity });
    v.post(40);
    v.arrive(frames(25));
    const moved = [v.worker.poll(4, 0), v.worker.poll(4, 0)];
    v.transmit(frames(3));
    moved.push(v.worker.poll(4, 0));
    expect(moved).toEqual([4, 4, 2]);
    expect(v.counts()).toMatchObject({ rx_packets: 10, rx_requeues: 1 });
    expect(v.worker.poll(4, 0)).toBe(3);
    expect(v.counts()).toMatchObject({ tx_packets: 3, rx_packets: 10 });
    expect(v.drain(64)).toEqual([10, 5]);
    expect(v.counts()).toMatchObject({ rx_packets: 25, rx_requeues: 2 });
  });

  test('packet weight ends a pass too', () => {
    const v = new VhostBed({ packetWeight: 8 });
    v.post(40);
    v.arrive(frames(20));
    expect(v.drain(64)).toEqual([8, 8, 4]);
    expect(v.counts()).toMatchObject({ rx_requeues: 2 });
  });

  test.each([
    [1, 10],
    [4, 3],
    [64, 1],
  ])('completed in batches of %i, ten frames publish and call %i times', (batch, calls) => {
    const v = new VhostBed({ batch });
    v.post(20);
    v.arrive(frames(10));
    v.drain(64);
    expect(v.counts()).toMatchObject({ rx_to_guest: 10, calls });
  });

  test('calls are held back while the guest asks for none, and wake it otherwise', () => {
    const v = new VhostBed({ batch: 1 }, WITH_EVENT_IDX);
    const vcpu = new Doorbell(v.bed.memory, v.link.callDoorbells[RX][0]);
    v.post(20);
    vcpu.park();
    v.arrive(frames(1));
    v.drain();
    expect(vcpu.parked).toBe(false);
    v.rx.disableCallback();
    v.arrive(frames(4));
    v.drain();
    expect(v.counts()).toMatchObject({ calls: 1, calls_suppressed: 4 });
  });
});

describe('transmit', () => {
  test.each([60, 61, 1514])('a frame of %i bytes enters the backlog as the guest wrote it', (bytes) => {
    const v = new VhostBed();
    v.transmit([frame(bytes)]);
    expect(v.drain()).toEqual([1]);
    const [id] = v.bed.take(v.tap.backlog);
    expect(v.bed.frameIn(id)).toEqual(frame(bytes));
    expect(poolIds(v.config.pool)).toContain(id);
    expect(v.used(v.tx).length).toBe(1);
    expect(v.counts()).toMatchObject({ tx_packets: 1, tx_to_stack: 1 });
    expect(v.bed.held(v.worker)).toBe(0);
    expect(sorted([id, ...v.bed.census(v.worker).slots])).toEqual(poolIds(v.config.pool));
  });

  test('chained and unaligned buffers are gathered', () => {
    const v = new VhostBed();
    const base = v.buffers[0];
    const image = [...new Array<number>(HEADER).fill(0), ...frame()];
    const pieces = [
      [1, 5],
      [65, 20],
      [130, 47],
    ];
    let at = 0;
    for (const [offset, bytes] of pieces) {
      v.guest.u8.set(image.slice(at, at + bytes), base + offset);
      at += bytes;
    }
    v.tx.addChain(
      Int32Array.from(pieces, ([o]) => base + o),
      Int32Array.from(pieces, ([, n]) => n),
      3,
      0,
      1,
    );
    v.publish(TX);
    v.drain();
    expect(v.bed.frameIn(v.bed.take(v.tap.backlog)[0])).toEqual(frame());
  });

  test.each([
    ['shorter than an Ethernet header', 13],
    ['longer than a slot', FRAME_BYTES_STANDARD + 1],
    ['shorter than the virtio header', -7],
  ])('tx_errors: %s', (_, length) => {
    const v = new VhostBed();
    v.tx.addOutBuf(v.buffers[0], HEADER + length, 0);
    v.publish(TX);
    v.drain();
    expect(v.counts()).toMatchObject({ tx_packets: 1, tx_errors: 1 });
    expect(v.used(v.tx).length).toBe(1);
    expect(v.bed.held(v.worker)).toBe(0);
    expect(v.bed.census(v.worker).slots.length).toBe(v.config.pool.slots);
  });

  test('backlog_dropped: the backlog takes one more than netdev_max_backlog, as its test admits', () => {
    const v = new VhostBed({ backlogFrames: 5 });
    v.transmit(frames(8));
    v.drain();
    expect(v.counts()).toMatchObject({ tx_packets: 8, tx_to_stack: 6, backlog_dropped: 2 });
    expect(ringDepth(v.bed.memory, v.tap.backlog)).toBe(6);
    expect(v.bed.held(v.worker)).toBe(0);
    expect(sorted([...v.bed.take(v.tap.backlog), ...v.bed.census(v.worker).slots])).toEqual(poolIds(v.config.pool));
  });

  test("backlog_dropped: what the CPU's other taps have in the backlog counts as well", () => {
    const v = new VhostBed({ backlogFrames: 5 });
    new BacklogLength(v.bed.memory, v.tap.backlogLength).add(4);
    v.transmit(frames(8));
    v.drain();
    expect(v.counts()).toMatchObject({ tx_packets: 8, tx_to_stack: 2, backlog_dropped: 6 });
  });

  test('tx_no_buffer: no slot is left for the frame', () => {
    const plain = new VhostBed();
    const pool = { ...plain.config.pool, slots: 4 };
    const v = new VhostBed({ pool });
    v.transmit(frames(6));
    v.drain();
    expect(v.counts()).toMatchObject({ tx_packets: 6, tx_to_stack: 4, tx_no_buffer: 2 });
    expect(v.bed.held(v.worker)).toBe(0);
  });

  test('byte weight counts the header, as handle_tx does where the tap supplies it', () => {
    const v = new VhostBed({ byteWeight: 10 * (60 + HEADER), packetWeight: Infinity });
    v.transmit(frames(25));
    expect(v.drain(64)).toEqual([10, 10, 5]);
    expect(v.counts()).toMatchObject({ tx_requeues: 2 });
  });

  test('the softirq CPU is raised', () => {
    const v = new VhostBed();
    const cpu = new Doorbell(v.bed.memory, v.bed.plan.threads.find(({ kind }) => kind === 'softirq')!.doorbell);
    cpu.park();
    v.transmit(frames(1));
    v.drain();
    expect(cpu.parked).toBe(false);
  });
});

describe('a broken virtqueue', () => {
  test('serves no more, says why, and the other direction goes on', () => {
    const v = new VhostBed();
    v.tx.addOutBuf(0x7fff_0000, 72, 0);
    v.publish(TX);
    v.drain();
    expect(v.counts()).toMatchObject({ virtqueue_errors: 1 });
    expect(v.worker.report()).toHaveLength(1);
    expect(v.worker.report()[0]).toContain('vring 1');
    v.transmit(frames(3));
    v.kick(TX);
    v.post(2);
    v.arrive(frames(2));
    expect(v.drain()).toEqual([2]);
    expect(v.counts()).toMatchObject({ rx_to_guest: 2, virtqueue_errors: 1 });
    expect(v.counts()['tx_packets']).toBeUndefined();
  });

  test('on the receive side leaves the frame in the tap', () => {
    const v = new VhostBed({}, NO_EVENT_IDX);
    v.rx.addInBuf(0x7fff_0000, 1526, 0);
    v.publish(RX);
    v.arrive(frames(2));
    v.drain();
    expect(ringDepth(v.bed.memory, v.tap.queue)).toBe(2);
    v.transmit(frames(1));
    expect(v.drain()).toEqual([1]);
    expect(v.bed.held(v.worker)).toBe(0);
  });
});

describe('attach and detach', () => {
  test('without its tap the worker serves neither direction; frames wait where they are', () => {
    const v = new VhostBed();
    v.worker.detach({ port: 'tap', index: 0 });
    v.post(2);
    v.arrive(frames(1));
    v.transmit(frames(2));
    expect(v.drain()).toEqual([]);
    expect(ringDepth(v.bed.memory, v.tap.backlog)).toBe(0);
    expect(v.bed.census(v.worker).frames).toBe(2);
    v.worker.attach({ port: 'tap', index: 0, link: v.tap });
    expect(v.drain()).toEqual([1, 2]);
  });

  test('a detached guest ends the pass that is under way', () => {
    const v = new VhostBed();
    v.post(8);
    v.arrive(frames(8));
    v.worker.poll(2, 0);
    v.worker.detach({ port: 'guest', index: 0 });
    expect([v.worker.poll(64, 0), v.worker.arm()]).toEqual([0, true]);
    expect(ringDepth(v.bed.memory, v.tap.queue)).toBe(6);
    expect(v.worker.name).toBe(VHOST);
  });
});

test('tells the tap by which queue a flow came, so that its other direction goes there too (tun_flow_update)', () => {
  const v = new VhostBed({}, NO_EVENT_IDX, ['vms.0.vcpus=2', 'vms.0.nics.0.queues=2']);
  const { flows } = v.tap;
  expect(flows?.queue).toBe(0);
  const table = new TapFlows(v.bed.memory, flows!.table);
  // Of a flow whose hash alone says queue 1.
  const sent = [0, 1, 2, 3, 4, 5, 6, 7].map((port) => {
    const each = frame();
    each.set(
      [0x08, 0x00, 0x45, 0, 0, 46, 0, 0, 0x40, 0, 64, 17, 0, 0, 198, 18, 0, 10, 198, 18, 1, 10, 4, port, 0, 9],
      12,
    );
    return each;
  });
  const hashes = sent.map((each) => flowHash(each, 0, each.length));
  expect(hashes.some((hash) => table.queueOf(hash, 2, 0) === 1)).toBe(true);
  v.transmit(sent);
  v.drain();
  expect(hashes.map((hash) => table.queueOf(hash, 2, 0))).toEqual(hashes.map(() => 0));
});
