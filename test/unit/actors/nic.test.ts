import { describe, expect, test } from 'vitest';
import type { Nic } from '../../../actors/wire/nic/nic.ts';
import { NIC_PORTS } from '../../../actors/wire/nic/nic-links.ts';
import { Doorbell } from '../../../src/memory/doorbell.ts';
import { IdRingProducer, ringDepth } from '../../../src/memory/id-ring.ts';
import { InterruptHandler } from '../../../src/kernel/interrupt-line.ts';
import { wireDepth, WireReceiver, WireSender } from '../../../src/memory/wire-ring.ts';
import { ActorBed, ethernet } from '../../support/actor-bed.ts';

const DST = '02:00:00:00:00:01';
const SRC = '02:00:00:00:00:02';
/** 64 bytes with FCS, preamble and gap at 1 Gbit/s. */
const WIRE_NS = 672;

function bench(interruptGapNs = 0) {
  const bed = new ActorBed();
  const nic = bed.create<Nic>('eth0', { interruptGapNs });
  const host = bed.link('eth0', NIC_PORTS.host);
  const wire = new WireSender(bed.memory, bed.wires.in);
  const free = new IdRingProducer(bed.memory, host.rxQueues[0].free);
  const tx = new IdRingProducer(bed.memory, host.tx);
  const irq = new InterruptHandler(bed.memory, host.rxQueues[0].interrupt);
  let next = 0;
  return {
    bed,
    nic,
    host,
    irq,
    arrive: (frame: Uint8Array, length = frame.length) => {
      wire.bytes.set(frame, wire.frameByte());
      wire.send(length, 0, 0);
      wire.publish();
    },
    post: (n: number): number[] => {
      const ids = Array.from({ length: n }, () => next++);
      ids.forEach((id) => free.put(id));
      free.publish();
      return ids;
    },
    send: (ids: readonly number[]) => {
      ids.forEach((id) => tx.put(bed.fill(id, ethernet(DST, SRC))));
      tx.publish();
    },
  };
}

describe('receive', () => {
  test('a frame goes into the oldest buffer, byte for byte, one descriptor each', () => {
    const { bed, nic, host, arrive, post } = bench();
    const ids = post(2);
    const frames = [60, 61, 1514].map((bytes) => ethernet(DST, SRC, bytes).map((byte, i) => byte + i));
    frames.forEach((frame) => arrive(frame));
    expect(nic.poll(64, 0)).toBe(3);
    expect(bed.ids(host.rxQueues[0].done)).toEqual(ids);
    expect(ids.map((id) => bed.frameIn(id))).toEqual(frames.slice(0, 2));
    expect(bed.counts(nic)).toEqual({
      rx_packets: 3,
      rx_bytes: 60 + 61 + 1514,
      rx_to_host: 2,
      rx_missed_errors: 1,
      interrupts: 1,
    });
    expect(bed.held(nic)).toBe(0);
    expect(wireDepth(bed.memory, bed.wires.in)).toBe(0);
  });

  test('a frame longer than the MTU and a VLAN tag allow is dropped and takes no descriptor', () => {
    const { bed, nic, host, arrive, post } = bench();
    const ids = post(2);
    arrive(ethernet(DST, SRC), 1519);
    arrive(ethernet(DST, SRC), 1518);
    nic.poll(64, 0);
    expect(bed.counts(nic)).toMatchObject({ rx_packets: 2, rx_to_host: 1, rx_length_errors: 1 });
    expect(bed.ids(host.rxQueues[0].done)).toEqual(ids.slice(0, 1));
    expect(bed.held(nic)).toBe(0);
  });

  test('without a driver the frame is lost and no interrupt comes; with the wire unplugged nothing comes at all', () => {
    const { bed, nic, irq, arrive } = bench();
    nic.detach({ port: 'host', index: 0 });
    arrive(ethernet(DST, SRC));
    expect(nic.poll(64, 0)).toBe(1);
    expect(bed.counts(nic)).toMatchObject({ rx_packets: 1, rx_no_carrier: 1 });
    expect(bed.held(nic)).toBe(0);
    expect(irq.pending).toBe(false);
    nic.detach({ port: 'wire', index: 0 });
    arrive(ethernet(DST, SRC));
    expect(nic.poll(64, 0)).toBe(0);
    expect(wireDepth(bed.memory, bed.wires.in)).toBe(1);
  });

  test('no more than the budget is taken from the wire in one poll', () => {
    const { nic, arrive, post } = bench();
    post(8);
    for (let i = 0; i < 8; i++) arrive(ethernet(DST, SRC));
    expect([nic.poll(3, 0), nic.poll(3, 0), nic.poll(3, 0)]).toEqual([3, 3, 2]);
  });
});

describe('transmit', () => {
  test('frames leave at line rate: one poll makes up for 20 us, then one frame every 672 ns', () => {
    const { bed, nic, host, send } = bench();
    send(Array.from({ length: 64 }, (_, i) => 100 + i));
    // From 20,000 ns before to now, both ends included: 30 starts of 672 ns.
    expect(nic.poll(64, 1_000_000)).toBe(30);
    expect(nic.poll(64, 1_000_000)).toBe(0);
    const busyUntil = 1_000_000 - 20_000 + 30 * WIRE_NS;
    expect(nic.poll(64, busyUntil - 1)).toBe(0);
    expect(nic.poll(64, busyUntil)).toBe(1);
    expect(nic.poll(64, busyUntil + 5 * WIRE_NS)).toBe(5);
    expect(ringDepth(bed.memory, host.txDone)).toBe(36);
    expect(bed.counts(nic)).toMatchObject({ tx_from_host: 36, tx_packets: 36, tx_bytes: 36 * 60 });
    expect(bed.held(nic)).toBe(0);
  });

  test('a frame appears on the wire as it was, stamped with the time it left, and its slot comes back', () => {
    const { bed, nic, host, send } = bench();
    send([7]);
    nic.poll(64, 5_000);
    const wire = new WireReceiver(bed.memory, bed.wires.out);
    expect(wire.readable(1)).toBe(1);
    expect([wire.frameBytes(), wire.dueNs()]).toEqual([60, 5_000]);
    const at = wire.frameByte();
    expect(wire.bytes.slice(at, at + 60)).toEqual(ethernet(DST, SRC));
    expect(bed.ids(host.txDone)).toEqual([7]);
  });

  test('a full wire holds the rest back in the transmit ring', () => {
    const { bed, nic, host, send } = bench();
    const { cells } = bed.wires.out;
    for (let sent = 0; sent < cells; sent += 64) {
      send(Array.from({ length: 64 }, (_, i) => 1000 + sent + i));
      for (let i = 1; i < 4; i++) nic.poll(64, 1e6 * (sent + i));
      bed.take(host.txDone);
    }
    expect(wireDepth(bed.memory, bed.wires.out)).toBe(cells);
    send([5, 6]);
    expect(nic.poll(64, 1e12)).toBe(0);
    expect(bed.ids(host.tx)).toEqual([5, 6]);
  });
});

describe('interrupts', () => {
  test('one interrupt, then masked until the driver unmasks; the cause is not forgotten', () => {
    const { bed, nic, irq, arrive, post } = bench();
    post(8);
    arrive(ethernet(DST, SRC));
    nic.poll(64, 0);
    expect(irq.take()).toBe(true);
    arrive(ethernet(DST, SRC));
    nic.poll(64, 0);
    expect(irq.pending).toBe(false);
    irq.unmask();
    nic.poll(64, 0);
    expect(irq.take()).toBe(true);
    nic.poll(64, 0);
    irq.unmask();
    nic.poll(64, 0);
    expect(irq.pending).toBe(false);
    expect(bed.counts(nic)['interrupts']).toBe(2);
  });

  test('the interrupt wakes a parked CPU', () => {
    const { bed, nic, host, arrive, post } = bench();
    const bell = new Doorbell(bed.memory, host.rxQueues[0].cpuDoorbell);
    bell.park();
    nic.poll(64, 0);
    expect(bell.parked).toBe(true);
    post(1);
    arrive(ethernet(DST, SRC));
    nic.poll(64, 0);
    expect(bell.parked).toBe(false);
  });

  test('moderation keeps two interrupts the configured time apart', () => {
    const { nic, irq, arrive, post } = bench(50_000);
    post(8);
    const interruptAt = (nowNs: number): boolean => {
      arrive(ethernet(DST, SRC));
      nic.poll(64, nowNs);
      irq.unmask();
      return irq.take();
    };
    expect([0, 10, 49_999, 50_000, 99_999, 100_000].map(interruptAt)).toEqual([true, false, false, true, false, true]);
  });

  test('a transmission is a cause too', () => {
    const { nic, irq, send } = bench();
    send([1]);
    nic.poll(64, 0);
    expect(irq.take()).toBe(true);
  });
});

describe('several receive queues', () => {
  function frameOfFlow(flow: number): Uint8Array {
    const frame = ethernet(DST, SRC);
    frame.set([0x45, 0, 0, 46, 0, 0, 0x40, 0, 64, 17, 0, 0, 198, 18, 0, 10, 198, 18, 1, 10], 14);
    frame.set([flow >> 8, flow & 0xff, 0, 9], 34);
    return frame;
  }

  test('a flow stays in its queue, in order; flows spread; each queue interrupts by itself', () => {
    const bed = new ActorBed(['ports.eth0.rxQueues=4']);
    const nic = bed.create<Nic>('eth0', { interruptGapNs: 0 });
    const { rxQueues } = bed.link('eth0', NIC_PORTS.host);
    expect(rxQueues.length).toBe(4);
    rxQueues.forEach(({ free }, q) => {
      const ring = new IdRingProducer(bed.memory, free);
      for (let i = 0; i < 64; i++) ring.put(100 * q + i);
      ring.publish();
    });
    const wire = new WireSender(bed.memory, bed.wires.in);
    for (let i = 0; i < 120; i++) {
      const frame = frameOfFlow(i % 40);
      frame[50] = i;
      wire.bytes.set(frame, wire.frameByte());
      wire.send(frame.length, 0, 0);
    }
    wire.publish();
    while (nic.poll(64, 0) > 0);
    const byQueue = rxQueues.map(({ done }) => bed.ids(done).map((id) => bed.frameIn(id)));
    const queueOfFlow = new Map<number, number>();
    byQueue.forEach((frames, q) => {
      const last = new Map<number, number>();
      for (const frame of frames) {
        const flow = (frame[34] << 8) | frame[35];
        expect(queueOfFlow.get(flow) ?? q).toBe(q);
        expect(frame[50]).toBeGreaterThan(last.get(flow) ?? -1);
        queueOfFlow.set(flow, q);
        last.set(flow, frame[50]);
      }
    });
    expect(byQueue.flat().length).toBe(120);
    expect(byQueue.every(({ length }) => length > 0)).toBe(true);
    expect(rxQueues.map(({ interrupt }) => new InterruptHandler(bed.memory, interrupt).take())).toEqual([
      true,
      true,
      true,
      true,
    ]);
    expect(bed.counts(nic)).toMatchObject({ rx_packets: 120, rx_to_host: 120 });
    expect(bed.held(nic)).toBe(0);
  });

  test('a queue without descriptors loses its flows alone', () => {
    const bed = new ActorBed(['ports.eth0.rxQueues=2']);
    const nic = bed.create<Nic>('eth0');
    const { rxQueues } = bed.link('eth0', NIC_PORTS.host);
    const ring = new IdRingProducer(bed.memory, rxQueues[1].free);
    for (let i = 0; i < 64; i++) ring.put(i);
    ring.publish();
    const wire = new WireSender(bed.memory, bed.wires.in);
    for (let flow = 0; flow < 40; flow++) {
      wire.bytes.set(frameOfFlow(flow), wire.frameByte());
      wire.send(60, 0, 0);
    }
    wire.publish();
    nic.poll(64, 0);
    const { rx_to_host: received, rx_missed_errors: missed } = bed.counts(nic);
    expect(received + missed).toBe(40);
    expect(ringDepth(bed.memory, rxQueues[1].done)).toBe(received);
    expect(missed).toBeGreaterThan(5);
  });
});

test('a level-triggered vector interrupts for frames that the driver left in the ring', () => {
  for (const [mode, again] of [
    ['vhost-feedback', true],
    ['vhost', false],
  ] as const) {
    const bed = new ActorBed([`vms.0.nics.0.mode=${mode}`]);
    const nic = bed.create<Nic>('eth0', { interruptGapNs: 0 });
    const [{ free, interrupt }] = bed.link('eth0', NIC_PORTS.host).rxQueues;
    const irq = new InterruptHandler(bed.memory, interrupt);
    const ring = new IdRingProducer(bed.memory, free);
    ring.put(1);
    ring.publish();
    const wire = new WireSender(bed.memory, bed.wires.in);
    wire.bytes.set(ethernet(DST, SRC), wire.frameByte());
    wire.send(60, 0, 0);
    wire.publish();
    nic.poll(64, 0);
    expect(irq.take()).toBe(true);
    irq.unmask();
    nic.poll(64, 0);
    expect(irq.take()).toBe(again);
  }
});
