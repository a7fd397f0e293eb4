import { describe, expect, test } from 'vitest';
import type { Tap, TapConfig } from '../../../actors/host/tap.ts';
import { TAP_PORTS } from '../../../actors/host/tap.ts';
import { Doorbell, EventWord } from '../../../src/memory/doorbell.ts';
import { IdRingProducer, ringDepth } from '../../../src/memory/id-ring.ts';
import { flowHash } from '../../../src/net/wire/flow-hash.ts';
import { TapFlows } from '../../../src/kernel/tap-flows.ts';
import { ActivePairs } from '../../../src/virtio/guest/active-pairs.ts';
import { ActorBed } from '../../support/actor-bed.ts';

function bench(queueFrames: number) {
  const bed = new ActorBed([`vms.0.nics.0.tap.queue=${queueFrames}`]);
  const tap = bed.create<Tap>('tap0');
  const { rx } = bed.link('tap0', TAP_PORTS.bridge);
  const reader = bed.link('tap0', TAP_PORTS.reader);
  const input = new IdRingProducer(bed.memory, rx);
  const bell = new Doorbell(bed.memory, reader.doorbell);
  const event = new EventWord(bed.memory, reader.event);
  let next = 0;
  const offer = (n: number): number => {
    for (let i = 0; i < n; i++) input.put(next++);
    input.publish();
    let moved = 0;
    for (let n = tap.poll(64, 0); n > 0; n = tap.poll(64, 0)) moved += n;
    return moved;
  };
  return { bed, tap, reader, bell, event, offer, config: bed.config<TapConfig>('tap0') };
}

test.each([500, 1000])('a queue of %i takes exactly that many; what comes later is dropped from the tail', (limit) => {
  const { bed, tap, reader, offer, config } = bench(limit);
  expect(config.queueFrames).toBe(limit);
  expect(offer(limit - 1)).toBe(limit - 1);
  expect(bed.counts(tap)['tx_dropped']).toBeUndefined();
  offer(3);
  expect(bed.counts(tap)).toMatchObject({ tx_packets: limit + 2, tx_queued: limit, tx_dropped: 2 });
  expect(bed.ids(reader.queue)).toEqual(Array.from({ length: limit }, (_, i) => i));
  expect(bed.returned(0)).toEqual([limit, limit + 1]);
  expect(bed.held(tap)).toBe(0);
});

test('a drop wakes nobody and signals nothing', () => {
  const { bed, tap, bell, event, offer } = bench(500);
  offer(500);
  event.take();
  bell.park();
  offer(20);
  expect([bell.parked, event.pending]).toEqual([true, false]);
  expect(bed.counts(tap)['wakeups']).toBeUndefined();
});

test('the reader is woken once, and only when it sleeps', () => {
  const { bed, tap, bell, event, offer } = bench(500);
  bell.park();
  offer(1);
  expect([bell.parked, event.take()]).toEqual([false, true]);
  offer(1);
  expect(event.take()).toBe(true);
  expect(bed.counts(tap)['wakeups']).toBe(1);
});

test('room that the reader makes is used at once', () => {
  const { bed, reader, offer, tap } = bench(500);
  offer(500);
  expect(bed.take(reader.queue).length).toBe(500);
  offer(1);
  expect(ringDepth(bed.memory, reader.queue)).toBe(1);
  expect(bed.counts(tap)['tx_dropped']).toBeUndefined();
});

test('without a reader every frame is dropped for that reason; attached again, frames flow', () => {
  const { bed, tap, reader, offer } = bench(500);
  tap.detach({ port: 'reader', index: 0 });
  offer(2);
  expect(bed.counts(tap)).toEqual({ tx_packets: 2, tx_no_reader: 2 });
  expect(bed.returned(0)).toEqual([0, 1]);
  tap.attach({ port: 'reader', index: 0, link: reader });
  offer(1);
  expect(bed.ids(reader.queue)).toEqual([2]);
  tap.detach({ port: 'bridge', index: 0 });
  expect([offer(1), tap.arm()]).toEqual([0, true]);
});

test('may sleep only when nothing waits', () => {
  const { bed, tap } = bench(500);
  expect(tap.arm()).toBe(true);
  const input = new IdRingProducer(bed.memory, bed.link('tap0', TAP_PORTS.bridge).rx);
  input.put(1);
  input.publish();
  expect(tap.arm()).toBe(false);
});

describe('a tap of several queues', () => {
  const frameOf = (flow: number, seq: number): Uint8Array => {
    const frame = new Uint8Array(60);
    frame.set([0x08, 0x00, 0x45, 0, 0, 46, 0, 0, 0x40, 0, 64, 17, 0, 0, 198, 18, 0, 10, 198, 18, 1, 10], 12);
    frame.set([4, flow, 0, 9], 34);
    frame[50] = seq;
    return frame;
  };

  function several(queueFrames = 400) {
    const tapKey = `vms.0.nics.0.tap.queue=${queueFrames}`;
    const bed = new ActorBed(['vms.0.vcpus=4', 'vms.0.nics.0.queues=4', tapKey]);
    const tap = bed.create<Tap>('tap0');
    const config = bed.config<TapConfig>('tap0');
    const { activePairs, flows } = config.steering!;
    const readers = [0, 1, 2, 3].map((q) => bed.link('tap0', TAP_PORTS.reader, q));
    const input = new IdRingProducer(bed.memory, bed.link('tap0', TAP_PORTS.bridge).rx);
    let next = 0;
    const offer = (count: number, flowCount: number): void => {
      for (let i = 0; i < count; i++) input.put(bed.fill(next++, frameOf(i % flowCount, i / flowCount)));
      input.publish();
      while (tap.poll(64, 0) > 0);
    };
    const framesOf = (q: number): Uint8Array[] => bed.ids(readers[q].queue).map((id) => bed.frameIn(id));
    const active = new ActivePairs(bed.memory, activePairs);
    return { bed, tap, config, readers, offer, framesOf, active, flows: new TapFlows(bed.memory, flows) };
  }

  test('uses the first alone until the guest asks for more', () => {
    const { bed, readers, offer, active } = several();
    offer(40, 40);
    expect(readers.map(({ queue }) => ringDepth(bed.memory, queue))).toEqual([40, 0, 0, 0]);
    active.set(2);
    offer(40, 40);
    const depths = readers.map(({ queue }) => ringDepth(bed.memory, queue));
    expect(depths.slice(2)).toEqual([0, 0]);
    expect(depths[1]).toBeGreaterThan(5);
  });

  test('keeps each flow in one queue and in order, and wakes each reader that got something', () => {
    const { bed, tap, readers, offer, framesOf, active } = several();
    active.set(4);
    const bells = readers.map(({ doorbell }) => new Doorbell(bed.memory, doorbell));
    bells.forEach((bell) => bell.park());
    offer(160, 40);
    const queueOf = new Map<number, number>();
    for (let q = 0; q < 4; q++) {
      const last = new Map<number, number>();
      for (const frame of framesOf(q)) {
        const flow = frame[35];
        expect(queueOf.get(flow) ?? q).toBe(q);
        queueOf.set(flow, q);
        expect(frame[50]).toBe((last.get(flow) ?? -1) + 1);
        last.set(flow, frame[50]);
      }
      expect(last.size).toBeGreaterThan(2);
    }
    expect(bells.map(({ parked }) => parked)).toEqual([false, false, false, false]);
    expect(bed.counts(tap)).toEqual({ tx_packets: 160, tx_queued: 160, wakeups: 4 });
  });

  test('steers a flow to the queue that the guest sends it by', () => {
    const { offer, framesOf, active, flows } = several();
    active.set(4);
    const frame = frameOf(0, 0);
    flows.note(flowHash(frame, 0, frame.length), 3, 0);
    offer(1, 1);
    expect([0, 1, 2, 3].map((q) => framesOf(q).length)).toEqual([0, 0, 0, 1]);
    flows.note(flowHash(frame, 0, frame.length), 1, 0);
    offer(1, 1);
    expect([0, 1, 2, 3].map((q) => framesOf(q).length)).toEqual([0, 1, 0, 1]);
  });

  test('a full queue loses its own flows and no others; in 3.13 each holds its part of the length', () => {
    const { bed, tap, config, offer, framesOf, active } = several(400);
    expect(config.queueFrames).toBe(100);
    active.set(4);
    offer(150, 1);
    const depths = [0, 1, 2, 3].map((q) => framesOf(q).length);
    expect(depths.toSorted((a, b) => a - b)).toEqual([0, 0, 0, 100]);
    expect(bed.counts(tap)).toMatchObject({ tx_queued: 100, tx_dropped: 50 });
    offer(40, 40);
    const full = depths.indexOf(100);
    expect([0, 1, 2, 3].filter((q) => q !== full && framesOf(q).length > 0).length).toBe(3);
    expect(bed.held(tap)).toBe(0);
  });

  test('a queue without a reader loses its flows for that reason', () => {
    const { bed, tap, offer, active } = several();
    active.set(4);
    tap.detach({ port: 'reader', index: 2 });
    offer(40, 40);
    const { tx_no_reader: lost, tx_queued: queued } = bed.counts(tap);
    expect(lost).toBeGreaterThan(2);
    expect(lost + queued).toBe(40);
  });
});
