import { describe, expect, test } from 'vitest';
import { NET_HEADER_BYTES } from '../../../src/virtio/net/net-header.ts';
import { ethernet, poolIds } from '../../support/actor-bed.ts';
import { QemuBed } from '../../support/qemu-bed.ts';
import { NO_EVENT_IDX } from '../../support/vhost-bed.ts';

const RX = 0;
const TX = 1;
const frame = (seq = 0, bytes = 60): Uint8Array => {
  const made = ethernet('52:54:00:00:00:01', '02:00:00:00:00:01', bytes);
  made[20] = seq & 0xff;
  made[21] = seq >> 8;
  return made;
};
const frames = (n: number): Uint8Array[] => Array.from({ length: n }, (_, i) => frame(i));
const seqOf = (bytes: Uint8Array): number => bytes[20] | (bytes[21] << 8);

test('the driver probes the device, and the transcript has every register access', () => {
  const q = new QemuBed();
  expect(q.backend.report().some((line) => line.includes('DRIVER_OK'))).toBe(true);
  expect(q.bed.planOf('vm0/vmm').attachments).toHaveLength(1);
});

describe('receive: tap_send and virtio_net_receive', () => {
  test('each frame is read by a system call of its own and copied into the guest; the slot goes home', () => {
    const q = new QemuBed();
    q.post(256);
    const [id] = q.arrive([frame(7)]);
    q.drain();
    const [{ addr, bytes }] = q.used(RX);
    expect(bytes).toBe(60 + NET_HEADER_BYTES);
    expect([...q.guest.u8.slice(addr + NET_HEADER_BYTES, addr + bytes)]).toEqual([...frame(7)]);
    expect(q.counts()).toMatchObject({ rx_packets: 1, rx_to_guest: 1, rx_passes: 1 });
    expect(q.bed.returned(0)).toEqual([id]);
    expect(q.bed.held(q.backend)).toBe(0);
  });

  test('a callback reads until the tap is dry, or its burst; the read that finds nothing is a call too', () => {
    const calls = (rxBurst: number | 'none'): Record<string, number> => {
      const q = new QemuBed({}, NO_EVENT_IDX, false, [`vms.vm0.nics.vnic0.qemu.rxBurst=${rxBurst}`]);
      q.post(256);
      q.queues[RX].disableCallback();
      q.arrive(frames(120));
      q.drain();
      return q.counts();
    };
    // One ppoll(), 120 reads, one EAGAIN. With a burst of 50: three callbacks, the last one dry.
    expect(calls('none')).toMatchObject({ rx_passes: 1, system_calls: 1 + 120 + 1, calls_suppressed: 120 });
    expect(calls(50)).toMatchObject({ rx_passes: 3, system_calls: 3 + 120 + 1 });
  });

  test('without buffers the frames stay in the tap and it is polled no more, until the guest kicks', () => {
    const q = new QemuBed();
    q.post(10);
    q.arrive(frames(30));
    q.drain();
    expect(q.counts()).toMatchObject({ rx_packets: 10, rx_no_buffer_passes: 1 });
    expect(q.bed.ids(q.tap.queue)).toHaveLength(20);
    expect(q.backend.arm()).toBe(true);
    q.post(20);
    expect(q.backend.arm()).toBe(false);
    q.drain();
    expect(q.counts()).toMatchObject({ rx_packets: 30, rx_to_guest: 30, rx_passes: 2 });
    expect(q.used(RX).map(({ addr }) => seqOf(q.guest.u8.slice(addr + NET_HEADER_BYTES)))).toEqual(
      Array.from({ length: 30 }, (_, i) => i),
    );
  });

  test('rx_truncated: a frame longer than the buffer the guest posted', () => {
    const q = new QemuBed();
    q.post(2, 64);
    const [id] = q.arrive([frame(0, 80)]);
    q.drain();
    expect(q.counts()).toMatchObject({ rx_packets: 1, rx_truncated: 1 });
    expect(q.used(RX)).toEqual([]);
    expect(q.bed.returned(0)).toEqual([id]);
  });

  test('a guest that breaks its queue stops that queue only', () => {
    const q = new QemuBed();
    q.post(4);
    q.guest.u16[(q.queues[RX].layout.availAddr >> 1) + 2] = 999;
    q.arrive([frame(0)]);
    q.drain();
    expect(q.counts()).toMatchObject({ virtqueue_errors: 1 });
    expect(q.backend.report().at(-1)).toContain('headRange');
    q.transmit([frame(1)]);
    q.drain();
    expect(q.counts()).toMatchObject({ tx_to_stack: 1 });
    expect(q.bed.held(q.backend)).toBe(0);
  });
});

describe('transmit: virtio_net_tx_bh', () => {
  test('a kick has all frames flushed in order, each by a writev() and with a used entry', () => {
    const q = new QemuBed();
    expect(q.transmit(frames(20))).toBe(true);
    q.drain();
    expect(q.sent().map(seqOf)).toEqual(Array.from({ length: 20 }, (_, i) => i));
    expect(q.used(TX)).toHaveLength(20);
    expect(q.counts()).toMatchObject({ tx_packets: 20, tx_to_stack: 20, tx_flushes: 1 });
    expect(q.counts()['tx_reschedules']).toBeUndefined();
  });

  test('no kick is asked for while the bottom half is scheduled, and one is when it has found nothing more', () => {
    const q = new QemuBed();
    q.transmit(frames(2));
    q.backend.poll(1, 0);
    expect(q.transmit([frame(2)])).toBe(false);
    q.drain();
    expect(q.counts()).toMatchObject({ tx_packets: 3 });
    expect(q.transmit([frame(3)])).toBe(true);
  });

  test('a full burst reschedules the bottom half and leaves the rest to it', () => {
    const q = new QemuBed({ txBurst: 16 });
    q.transmit(frames(40));
    expect(q.drain()).toEqual([16, 16, 8]);
    expect(q.counts()).toMatchObject({ tx_packets: 40, tx_flushes: 3, tx_reschedules: 2 });
  });

  test.each([
    ['shorter than an Ethernet header', 8],
    ['longer than any frame', 2100],
  ])('tx_errors: a frame %s', (_, bytes) => {
    const q = new QemuBed();
    q.transmit([frame(0, 60), new Uint8Array(bytes)]);
    q.drain();
    expect(q.counts()).toMatchObject({ tx_packets: 2, tx_to_stack: 1, tx_errors: 1 });
    expect(q.used(TX)).toHaveLength(2);
    expect(q.bed.held(q.backend)).toBe(0);
  });

  test('backlog_dropped: the backlog of the CPU is full', () => {
    const q = new QemuBed();
    const room = q.config.tap.backlogFrames + 1;
    for (let sent = 0; sent < room + 5; sent += 200) {
      q.transmit(frames(Math.min(200, room + 5 - sent)));
      q.drain();
      q.buffers.push(...q.used(TX).map(({ addr }) => addr));
    }
    expect(q.counts()).toMatchObject({ tx_packets: room + 5, tx_to_stack: room, backlog_dropped: 5 });
    expect(q.bed.held(q.backend)).toBe(0);
  });

  test('tx_no_buffer: the host has no slot', () => {
    const bed = new QemuBed();
    const { pool } = bed.config.tap;
    const q = new QemuBed({ tap: { ...bed.config.tap, pool: { ...pool, slots: 64 } } });
    q.transmit(frames(70));
    q.drain();
    expect(q.counts()).toMatchObject({ tx_packets: 70, tx_to_stack: 64, tx_no_buffer: 6 });
  });

  test('frames in the virtqueue that nobody took are in flight, and every slot is found once', () => {
    const q = new QemuBed();
    q.transmit(frames(5));
    expect(q.bed.census(q.backend).frames).toBe(5);
    q.backend.poll(2, 0);
    expect(q.bed.census(q.backend).frames).toBe(3);
    const { pool } = q.config.tap;
    const found = [...q.bed.census(q.backend).slots, ...q.bed.ids(q.tap.backlog)].sort((a, b) => a - b);
    expect(found).toEqual(poolIds(pool));
  });
});

describe('system calls', () => {
  const costs = { readNs: 0, writeNs: 0, syscallNs: 100, callInjectNs: 0, wakeupNs: 0 };

  test('are paid for as declared where none is made', () => {
    const q = new QemuBed({ costs });
    q.backend.debtNs = 0;
    q.transmit(frames(3));
    q.drain();
    expect(q.enteredKernel).toBe(0);
    expect(q.backend.debtNs).toBe(100 * q.counts()['system_calls']);
  });

  test('are made where they can be, and then nothing is charged for them', () => {
    const q = new QemuBed({ costs }, NO_EVENT_IDX, true);
    q.transmit(frames(3));
    q.drain();
    // Three writev(), and an ioctl for each of three notifications that the guest wants.
    expect(q.counts()).toMatchObject({ system_calls: 6, calls: 3 });
    expect(q.enteredKernel).toBe(6);
    expect(q.backend.debtNs).toBe(0);
  });
});

test('detached from its tap it moves nothing, and everything is still found', () => {
  const q = new QemuBed();
  q.transmit(frames(2));
  q.backend.detach({ port: 'tap', index: 0 });
  expect(q.backend.poll(64, 0)).toBe(0);
  expect(q.backend.arm()).toBe(true);
});
